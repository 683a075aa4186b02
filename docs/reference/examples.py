"""For mkdocstrings, which knows `Examples:` only: without this an `Example:` is read as Markdown, brackets as links."""

from typing import Any

import griffe


class Examples(griffe.Extension):
    """Show the example of a docstring as a program."""

    def on_instance(self, *, obj: griffe.Object, **_: Any) -> None:
        """Give the section the name that is known."""
        if obj.docstring is not None:
            obj.docstring.value = obj.docstring.value.replace("\nExample:\n", "\nExamples:\n")
