"""Whether the suite says the same of the same agent, again and again."""
