"""Rows, filters and search in Milvus."""
