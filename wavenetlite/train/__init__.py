"""Training: corpora of clips, and augmentation."""
