"""Phones in other processes: what they tell the exchange, and what it orders."""
