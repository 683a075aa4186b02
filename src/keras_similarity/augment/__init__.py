"""Batches → views of them, at random."""
