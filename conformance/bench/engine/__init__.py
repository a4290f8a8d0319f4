"""How many phone calls one core places: ours beside C and a Locust user of old."""
