"""Measurements of wavenetlite and its peers: ``python -m benchmarks``."""
