"""Measurements of wavenetlite beside ONNX Runtime and PyTorch: ``python -m benchmarks``."""
