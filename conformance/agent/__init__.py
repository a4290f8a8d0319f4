"""Numbered black-box cases; each rests only on what crossed the wires."""
