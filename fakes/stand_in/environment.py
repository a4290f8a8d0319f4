"""The environment of an agent that is to find, and trust, nobody but the fakes."""

from __future__ import annotations

import re
from collections.abc import Mapping

from fakes.addresses import Addresses
from fakes.twilio.web.credentials import Credentials

__all__ = ["CANARIES", "agent_environment", "trust_environment", "without_settings"]

# Who reads which: openssl and whatever rests on it (Python's ssl, httpx, aiohttp,
# websockets, Ruby, Go, rustls-native-certs), requests, curl, Node, Deno, gRPC, boto3.
_TRUST_VARIABLES = (
    "SSL_CERT_FILE",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "NODE_EXTRA_CA_CERTS",
    "DENO_CERT",
    "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH",
    "AWS_CA_BUNDLE",
)
# Keys that open nothing, under the names that clients read by themselves.
CANARIES: Mapping[str, str] = {
    "DEEPGRAM_API_KEY": "busyhour-deepgram-key",
    "OPENAI_API_KEY": "busyhour-model-key",
    "GROQ_API_KEY": "busyhour-model-key",
    **Credentials().environment(),
}
# What leads an agent away from its providers' own hosts, or out of the machine.
_ADDRESS = re.compile(
    r"(?i)(?:(?:DEEPGRAM|OPENAI|TWILIO|GROQ)_.*(?:URL|HOST|BASE|ENDPOINT|EDGE|REGION)"
    r"|(?:HTTP|HTTPS|ALL|WS|WSS|NO)_PROXY|SSL_CERT_DIR)"
)
# Nobody's real key reaches an agent under test; who needs one gives it in the command.
_CREDENTIAL = re.compile(
    r"(?i).*(?:API_?KEY|SECRET|TOKEN|PASSWORD|PASSWD|CREDENTIALS?|ACCESS_KEY(?:_ID)?"
    r"|PRIVATE_KEY|ACCOUNT_SID|_KEY)"
)


def trust_environment(authority: str) -> dict[str, str]:
    """Return what makes the usual runtimes trust the authority, and it alone."""
    return dict.fromkeys(_TRUST_VARIABLES, authority)


def without_settings(environment: Mapping[str, str]) -> dict[str, str]:
    """Return an environment without addresses of providers, proxies and credentials."""
    return {
        name: value
        for name, value in environment.items()
        if not _ADDRESS.fullmatch(name) and not _CREDENTIAL.fullmatch(name)
    }


def agent_environment(
    environment: Mapping[str, str], addresses: Addresses
) -> dict[str, str]:
    """Return the environment of an agent that is kept to itself.

    Args:
        environment: of whoever starts it.
        addresses: of fakes that stand in.
    """
    assert addresses.stand_in is not None
    return {
        **without_settings(environment),
        **trust_environment(addresses.stand_in.authority),
        **CANARIES,
    }
