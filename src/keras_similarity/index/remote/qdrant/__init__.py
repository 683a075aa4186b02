"""Points, filters and search in Qdrant. Tested against its client's local mode, not yet against a server."""
