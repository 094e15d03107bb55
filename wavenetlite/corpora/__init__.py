"""Corpora: recordings and their labels."""
