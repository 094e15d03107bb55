"""How good a model is: measures, detections, the self-check of streams."""
