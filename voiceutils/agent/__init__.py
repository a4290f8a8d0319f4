"""The reference agent: a phone agent as one would write it for production."""
