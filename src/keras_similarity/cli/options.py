"""Options that several commands have."""

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["PHOTO_PIXELS", "AsJson", "EncoderOption", "ImagePixels"]

PHOTO_PIXELS = 200_000_000  # as in embed/images.py, which takes too long to import for `--help`

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
EncoderOption = Annotated[Path | None, typer.Option(help="Model (.keras or .onnx) for images and texts.")]
ImagePixels = Annotated[int, typer.Option(min=1, help="Refuse an image of more.")]
