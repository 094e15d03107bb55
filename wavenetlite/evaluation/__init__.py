"""Evaluation of models: accuracy, detections, the self-check of streams."""
