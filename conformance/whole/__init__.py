"""Whole calls at random: what happens in them, what must hold in any, how they shrink.

A :mod:`story <conformance.whole.story>` is a call as data; it is put to an agent class
in virtual time or to an agent's process, and judged by what crossed the wires.
"""
