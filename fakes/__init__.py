"""Exact, scriptable stand-ins for everything around a phone voice agent."""
