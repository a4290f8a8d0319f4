"""What the reference agent can be told, and the time limits that it keeps."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass

from voiceutils._http import checked_key
from voiceutils.retry import Backoff

__all__ = ["AgentSettings", "Patience", "Phrases", "settings_of"]


# Half of each delay is random: calls that lost their links together come back apart.
_BACKOFF = Backoff(0.25, 1.5, 5.0, "equal")


@dataclass(frozen=True)
class Phrases:
    """What the agent says without asking the model."""

    greeting: str = "Hello, thank you for calling. How can I help you?"
    reprompt: str = "Sorry, I did not catch that. Could you say it again?"
    apology: str = "Sorry, something went wrong. Please say that again."
    farewell: str = "Sorry, I cannot go on with this call. Goodbye."
    instructions: str = (
        "You are on the phone. Answer in one to three short spoken sentences, "
        "without lists or symbols."
    )


@dataclass(frozen=True)
class Patience:
    """How long the conversation waits for what, in seconds."""

    final: float = 3.0  # words came; smart formatting may hold a final for 3 s
    finalize: float = 0.75  # the answer to Finalize, which is not promised
    words: float = 4.0  # the caller interrupted, and said nothing recognised
    recogniser: float = 6.0  # the line carries a voice, the recogniser is silent
    keys: float = 2.0  # another key, before the number counts as complete
    reply: float = 8.0  # our turn, until its first audio
    mark: float = 2.0  # a mark, after the audio before it must have played
    leaving: float = 8.0  # last words
    call: float = 4 * 3600.0  # Twilio's own limit
    failures: int = 3  # turns that may fail in a row
    history_messages: int = 40


@dataclass(frozen=True)
class AgentSettings:
    """Where the providers are and how the agent behaves.

    Keys are never shown by ``repr``.

    Attributes:
        auth_token: when set, Twilio's signature is demanded on webhook and upgrade.
        account_sid: with it and a secret, an API key's or the token, the agent ends
            calls over Twilio's REST interface, and hangs up after a good-bye.
        endpointing: milliseconds of silence that end an utterance.
        start_deadline: seconds that a media socket may live without ``start``.
        silence_limit: seconds without any message from Twilio, which sends fifty a
            second; long, because a muted line is not a dead one. A dead one is found
            by pings much sooner.
        send_deadline: seconds that Twilio may refuse to take audio.
        close_deadline: seconds that providers get for their last words.
        backoff: how links to Deepgram are tried again, ``attempts`` times in all.
    """

    deepgram_url: str = "https://api.deepgram.com"
    deepgram_key: str = dataclasses.field(default="", repr=False)
    model_url: str = "https://api.openai.com/v1"
    model_key: str = dataclasses.field(default="", repr=False)
    auth_token: str = dataclasses.field(default="", repr=False)
    twilio_url: str = "https://api.twilio.com"
    account_sid: str = ""
    api_key: str = ""
    api_secret: str = dataclasses.field(default="", repr=False)
    model: str = "gpt-4o-mini"
    voice: str = "aura-2-thalia-en"
    endpointing: int = 200
    phrases: Phrases = Phrases()
    patience: Patience = Patience()
    start_deadline: float = 10.0
    silence_limit: float = 60.0
    send_deadline: float = 10.0
    close_deadline: float = 0.6
    backoff: Backoff = _BACKOFF
    attempts: int = 5

    @property
    def twilio_login(self) -> tuple[str, str] | None:
        """User and password of Twilio's REST interface; None where it is not used."""
        user, secret = self.api_key, self.api_secret
        if not (user and secret):
            user, secret = self.account_sid, self.auth_token
        return (user, secret) if self.account_sid and secret else None


def settings_of(environment: Mapping[str, str]) -> AgentSettings:
    """Return the settings that stand in an environment, and the usual ones.

    Raises:
        SettingError: a key that cannot be one; the message does not show it.
    """
    default = AgentSettings()

    def told(name: str, otherwise: str) -> str:
        return environment.get(name) or otherwise

    def key(name: str) -> str:
        return checked_key(environment.get(name, ""), name)

    return AgentSettings(
        deepgram_url=told("DEEPGRAM_URL", default.deepgram_url),
        deepgram_key=key("DEEPGRAM_API_KEY"),
        model_url=told("OPENAI_BASE_URL", default.model_url),
        model_key=key("OPENAI_API_KEY"),
        model=told("OPENAI_MODEL", default.model),
        auth_token=key("TWILIO_AUTH_TOKEN"),
        twilio_url=told("TWILIO_API_URL", default.twilio_url),
        account_sid=key("TWILIO_ACCOUNT_SID"),
        api_key=key("TWILIO_API_KEY"),
        api_secret=key("TWILIO_API_SECRET"),
    )
