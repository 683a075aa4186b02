"""Losses, heads and miners written from their papers, slowly and plainly, to measure the fast ones against."""
