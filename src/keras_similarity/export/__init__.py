"""Models and vectors in the formats of other programs, and vectors from them."""

from keras_similarity.export.parquet import read_parquet, write_parquet

__all__ = ["read_parquet", "write_parquet"]
