"""Agents that fooled other testers, with the verdict that ours must give."""
