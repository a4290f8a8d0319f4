"""Agents in the plain style of public samples, with the mistakes that those make.

Each is a file to be read on its own and run with ``--agent-command``. What the suite
says of them is in ``conformance/samples/README.md``; nobody should mend them.
"""
