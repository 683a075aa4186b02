"""The command line: one file, or folder, a command. stdout is for results, stderr for progress and errors."""

from keras_similarity.cli.commands import app, main

__all__ = ["app", "main"]
