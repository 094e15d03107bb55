"""BLAKE2b without OpenSSL, which `hashlib` loads first: a fiftieth of what it takes to start and predict."""

try:
    from _blake2 import blake2b  # where hashlib has it from
except ImportError:
    from hashlib import blake2b

__all__ = ["blake2b"]
