"""Agents in the plain style of public samples, with their providers in the code.

Written for one purpose: each must take calls with no line changed and no real key. They
are not models to follow; what the cases say against them is meant.
"""
