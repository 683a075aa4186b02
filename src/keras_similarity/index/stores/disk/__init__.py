"""An index in a folder: SQLite for what changes, mapped segments for the vectors."""
