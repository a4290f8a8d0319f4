"""Whose account it is: the sid and the token that the helper libraries read, too.

The token signs webhooks, callbacks and media sockets, and opens the REST interface. It
is shown nowhere: not in a record, not in a ledger, not in the text of this value.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from voiceutils.errors import SettingError

__all__ = ["TEST_ACCOUNT_SID", "TEST_AUTH_TOKEN", "Credentials", "credentials_of"]

TEST_ACCOUNT_SID = f"AC{'0123456789abcdef' * 2}"
TEST_AUTH_TOKEN = "busyhour-twilio-token"
# For agents that are to use REST and to take webhooks without a signature.
TEST_API_KEYS: Mapping[str, str] = {
    f"SK{'0123456789abcdef' * 2}": "busyhour-twilio-secret"
}

_ACCOUNT = re.compile(r"AC[0-9a-fA-F]{32}")


@dataclass(frozen=True)
class Credentials:
    """An account and its primary token.

    Attributes:
        keys: API keys, ``SK`` and 32 hex digits, with their secrets; each opens the
            account as the token does, but signs nothing.
    """

    account_sid: str = TEST_ACCOUNT_SID
    auth_token: str = field(default=TEST_AUTH_TOKEN, repr=False)
    keys: Mapping[str, str] = field(
        default_factory=lambda: dict(TEST_API_KEYS), repr=False
    )

    def environment(self) -> dict[str, str]:
        """Return what the helper libraries and most agents read."""
        told = {
            "TWILIO_ACCOUNT_SID": self.account_sid,
            "TWILIO_AUTH_TOKEN": self.auth_token,
        }
        for key, secret in [*self.keys.items()][:1]:
            told |= {"TWILIO_API_KEY": key, "TWILIO_API_SECRET": secret}
        return told


def credentials_of(
    environment: Mapping[str, str], *, account_sid: str = "", auth_token: str = ""
) -> Credentials:
    """Return the credentials to use: those given, else the environment's, else tests'.

    Args:
        environment: ``TWILIO_ACCOUNT_SID``, ``TWILIO_AUTH_TOKEN``, and a pair
            ``TWILIO_API_KEY`` and ``TWILIO_API_SECRET``.
        account_sid: goes before the environment's.
        auth_token: likewise.

    Raises:
        SettingError: the account sid is not one.
    """
    sid = account_sid or environment.get("TWILIO_ACCOUNT_SID", "") or TEST_ACCOUNT_SID
    if not _ACCOUNT.fullmatch(sid):
        text = f"account sid {sid[:40]!r} is not AC and 32 hex digits"
        raise SettingError(f"{text}; correct TWILIO_ACCOUNT_SID or leave it out")
    key = environment.get("TWILIO_API_KEY", "")
    secret = environment.get("TWILIO_API_SECRET", "")
    token = auth_token or environment.get("TWILIO_AUTH_TOKEN", "") or TEST_AUTH_TOKEN
    return Credentials(sid, token, {key: secret} if key and secret else TEST_API_KEYS)
