"""The load test: ``locust -f loadtests`` places calls and prints what came of them."""
