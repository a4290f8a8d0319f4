"""What a retry policy does to a provider that comes back after an outage.

``python -m conformance.outage`` simulates it; see :mod:`conformance.outage.model`.
"""
