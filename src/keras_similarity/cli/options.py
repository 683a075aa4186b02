"""Options that several commands have."""

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["AsJson", "EncoderOption"]

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
EncoderOption = Annotated[Path | None, typer.Option(help="Model (.keras or .onnx) for images and texts.")]
