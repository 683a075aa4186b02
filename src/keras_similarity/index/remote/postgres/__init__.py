"""Rows, filters and search in PostgreSQL with pgvector."""
