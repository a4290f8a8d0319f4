"""The fake language model: chat completions with scripted replies."""
