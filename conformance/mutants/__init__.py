"""The reference agent with one real bug each; proof that the cases find them.

Every mutant is a small subclass of the agent's conversation, named after its bug; its
docstring says in which public program the bug was found. ``python -m
conformance.mutants`` serves all of them in one process.
"""
