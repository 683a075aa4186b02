"""Models and vectors in the formats of other programs, and vectors from them."""

from keras_similarity.embed.parquet import VectorBatch, read_parquet, write_parquet
from keras_similarity.export.databases import write_faiss, write_pgvector, write_qdrant
from keras_similarity.export.models import FORMATS, ExportError, export_model
from keras_similarity.export.tfsim import SavedTfsimIndex, read_tfsim

__all__ = [
    "FORMATS",
    "ExportError",
    "SavedTfsimIndex",
    "VectorBatch",
    "export_model",
    "read_parquet",
    "read_tfsim",
    "write_faiss",
    "write_parquet",
    "write_pgvector",
    "write_qdrant",
]
