"""Where the fakes listen."""

from __future__ import annotations

import os
from typing import NamedTuple

import msgspec

from fakes.twilio.web.credentials import credentials_of

__all__ = ["USUAL_PORTS", "Addresses", "Ports", "StandInAddresses"]


class Ports(NamedTuple):
    """One port each on 127.0.0.1."""

    deepgram: int
    model: int
    control: int
    twilio: int = 0
    stand_in: int = 0
    proxy: int = 0


# Of `python -m fakes`; an agent that was started by hand has been pointed at them.
USUAL_PORTS = Ports(8411, 8412, 8413, 8414, 8415, 8416)


class StandInAddresses(msgspec.Struct, frozen=True, kw_only=True):
    """Where the fakes stand in for the providers' own hosts.

    Attributes:
        tls: host and port of the TLS front.
        proxy: address of the CONNECT proxy.
        authority: file with the certificate that clients are to trust.
        door: Unix socket that takes listening sockets of other namespaces.
        hosts: names that it is certain to answer for.
    """

    tls: str
    proxy: str
    authority: str
    door: str
    hosts: tuple[str, ...] = ()


class Addresses(msgspec.Struct, frozen=True, kw_only=True):
    """The base addresses of one world, as agents take them."""

    deepgram: str
    deepgram_websocket: str
    model: str
    control: str
    twilio: str = ""  # of the REST interface
    stand_in: StandInAddresses | None = None

    def environment(self) -> dict[str, str]:
        """Return the settings that most agents read from their environment.

        The keys are made up; the fakes accept any. Twilio's account is that of our own
        environment, if it has one: both sides must sign with the same token.
        ``TWILIO_API_URL`` is no variable of Twilio's library; see its ``base_url``.
        """
        return {
            **credentials_of(os.environ).environment(),
            **({"TWILIO_API_URL": self.twilio} if self.twilio else {}),
            "DEEPGRAM_URL": self.deepgram,
            "DEEPGRAM_WEBSOCKET_URL": self.deepgram_websocket,
            "DEEPGRAM_API_KEY": "busyhour-deepgram-key",
            "OPENAI_BASE_URL": self.model,
            "OPENAI_API_KEY": "busyhour-model-key",
        }
