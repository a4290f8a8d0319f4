"""Transcription, live and of recordings: ``/v1/listen``."""
