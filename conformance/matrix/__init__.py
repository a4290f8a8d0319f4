"""Reports of several agents as one page: ``python -m conformance.matrix``."""
