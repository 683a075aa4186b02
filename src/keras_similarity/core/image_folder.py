"""A folder of images, in which each subfolder is a class named like it."""

from pathlib import Path
from typing import Any

__all__ = ["IMAGE_SUFFIXES", "image_bytes", "images_by_class", "images_of_no_class"]

IMAGE_SUFFIXES = frozenset((".bmp", ".gif", ".jfif", ".jpeg", ".jpg", ".png", ".ppm", ".pgm", ".tif", ".tiff", ".webp"))


def images_by_class(root: Path) -> tuple[list[Path], list[str]]:
    """Return the paths of all images and their classes, class by class in the order of their names.

    Images may lie deeper in the folder of their class. Other and hidden files are left out, and `images_of_no_class`.
    """
    paths: list[Path] = []
    labels: list[str] = []
    for folder in sorted(entry for entry in root.iterdir() if entry.is_dir() and not entry.name.startswith(".")):
        images = sorted(filter(_is_image, folder.rglob("*")))
        paths += images
        labels += [folder.name] * len(images)
    return paths, labels


def images_of_no_class(root: Path) -> list[Path]:
    """Return the images that lie in the folder itself, and so in that of no class."""
    return sorted(path for path in root.iterdir() if _is_image(path) and not path.is_dir())


def _is_image(path: Path) -> bool:
    return path.suffix.lower() in IMAGE_SUFFIXES and not path.name.startswith(".")


def image_bytes(folder: Path, item_id: Any, *, most_bytes: int | None = None) -> bytes | None:
    """Return the file whose path in a folder is an item's id.

    Args:
        folder: Where images are, as an index that was made of them names them.
        item_id: Whatever it is: neither with dots, nor as an absolute path, nor by a link does it lead out of there.
        most_bytes: Of the file; None for any.

    Returns:
        Its content; None where there is no such file, or one that is larger.
    """
    try:
        path = (folder / str(item_id)).resolve()
        if not (path.is_relative_to(folder.resolve()) and path.is_file()):
            return None
        return None if most_bytes is not None and path.stat().st_size > most_bytes else path.read_bytes()
    except (OSError, ValueError, RuntimeError):  # an id that is too long for a file's name, a NUL, a link to itself
        return None
