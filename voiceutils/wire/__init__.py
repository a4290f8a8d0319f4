"""The messages that cross each wire, defined once for agent, fakes and tests.

One module a wire: ``twilio`` (Media Streams, both ways), ``deepgram_listen``,
``deepgram_speak`` (WebSocket) and ``chat`` (chat completions, streaming); the voice
agent has three, ``deepgram_agent``, ``deepgram_agent_commands`` and, for the largest
command, ``deepgram_agent_settings``. Decoding is as tolerant as the real peers are:
unknown fields are ignored (but not by a voice agent), and a message of an unknown kind
is an :class:`Unknown` value, since services add kinds over time. A known
kind with wrong or missing fields raises :class:`~voiceutils.errors.WireError`.
"""

from voiceutils.wire._codec import Unknown, encode

__all__ = ["Unknown", "encode"]
