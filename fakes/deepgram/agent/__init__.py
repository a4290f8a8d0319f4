"""Deepgram's Voice Agent, ``/v1/agent/converse``: hears, thinks and speaks."""
