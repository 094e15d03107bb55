"""Turns with the interpreter; for compiled modules only."""
