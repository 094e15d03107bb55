"""Extract features from folders, manifests and archives of recordings into feature sets, and open these."""

from wavenetlite.pipeline.batches import Batch, Batches
from wavenetlite.pipeline.context_chunks import ContextChunks
from wavenetlite.pipeline.entries import PipelineError
from wavenetlite.pipeline.exports import MapDataset, to_lhotse, to_npz
from wavenetlite.pipeline.extract import Extraction, extract
from wavenetlite.pipeline.feature_set import Items, open
from wavenetlite.pipeline.items import Item
from wavenetlite.pipeline.parquet_set import to_parquet
from wavenetlite.pipeline.sources import listed
from wavenetlite.pipeline.trimming import EnergyTrim, VoiceTrim
from wavenetlite.pipeline.webdataset import to_webdataset

__all__ = [
    "Batch",
    "Batches",
    "ContextChunks",
    "EnergyTrim",
    "Extraction",
    "Item",
    "Items",
    "MapDataset",
    "PipelineError",
    "VoiceTrim",
    "extract",
    "listed",
    "open",
    "to_lhotse",
    "to_npz",
    "to_parquet",
    "to_webdataset",
]
