"""Whole calls at random: a *tape* says what a caller does and what providers do to him.

A tape runs in virtual time against the reference agent, or on real sockets against any
agent; the same oracles judge both, by what crossed the wires. What fails shrinks to a
small tape, which is a file: ``python -m conformance.whole FILE`` plays it again.
"""
