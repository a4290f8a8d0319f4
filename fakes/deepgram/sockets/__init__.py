"""Carries the protocol cores on real sockets: picows, or aiohttp alone."""
