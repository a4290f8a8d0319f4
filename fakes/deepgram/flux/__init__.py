"""Flux transcription: ``/v2/listen``."""
