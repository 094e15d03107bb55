"""Feature extraction: folders, corpora, manifests and archives of recordings to feature sets; and these, opened."""

from wavenetlite.pipeline.entries import PipelineError
from wavenetlite.pipeline.extract import Extraction, extract

__all__ = ["Extraction", "PipelineError", "extract"]
