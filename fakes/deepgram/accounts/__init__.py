"""Keys, tokens, projects and models."""
