"""A ConversationRelay session in virtual time, and what the agent gets of it."""

from __future__ import annotations

import json
from typing import Any

from conformance.core._flow import Driven, response
from fakes.twilio.flow.orders import FetchDocument, SendRelay

__all__ = ["ACTION", "ASKED", "GREETING", "LONG", "Relayed"]

ACTION = "https://agent.example/calls/done"
ASKED = "Is there parking at the hotel?"
GREETING = "Thank you for calling."
LONG = "Yes, parking is free for all guests. The entrance is behind the hotel."


class Relayed(Driven):
    """A driven flow whose document is one ConversationRelay, already open."""

    def __init__(
        self,
        attributes: str = "",
        *,
        action: str = 'action="done"',
        inside: str = "",
        after: str = "",
        opened: bool = True,
        **kwargs: Any,
    ) -> None:
        noun = (
            '<ConversationRelay url="wss://agent.example/relay"'
            f" {attributes}>{inside}</ConversationRelay>"
        )
        pages = {ACTION: response("<Say>Goodbye.</Say>")}
        document = f"<Connect {action}>{noun}</Connect>{after}"
        super().__init__(document, pages=pages, **kwargs)
        if opened:
            self.open()

    def open(self) -> None:
        """The socket is up."""
        self.flow.relay_opened(self.now)
        self.carry_out()

    def send(self, **message: Any) -> None:
        """The agent sends this."""
        self.flow.relay_received(json.dumps(message), self.now)
        self.carry_out()

    def write(self, *tokens: str, **more: Any) -> None:
        """The agent writes a whole talk cycle."""
        for number, token in enumerate(tokens, 1):
            self.send(type="text", token=token, last=number == len(tokens), **more)

    def close(self, code: int) -> None:
        """The agent closes the socket."""
        self.flow.relay_closed(code, self.now)
        self.carry_out()

    def got(self, kind: str) -> list[dict[str, Any]]:
        """What the agent was sent of that kind."""
        messages = [json.loads(sent.text) for sent in self.all(SendRelay)]
        return [message for message in messages if message["type"] == kind]

    @property
    def posted(self) -> dict[str, str]:
        """What the action was sent."""
        return dict(self.all(FetchDocument)[1].fields)
