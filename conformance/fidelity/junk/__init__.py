"""A storm of malformed requests and messages, and what must come back.

``python -m conformance.fidelity.junk --rate 1000 --seconds 60``
"""
