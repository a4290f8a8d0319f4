"""The fake language model: chat completions and responses, scripted or by rules."""
