"""A folder of images, in which each subfolder is a class named like it."""

from pathlib import Path

__all__ = ["IMAGE_SUFFIXES", "images_by_class"]

IMAGE_SUFFIXES = frozenset((".bmp", ".gif", ".jfif", ".jpeg", ".jpg", ".png", ".ppm", ".pgm", ".tif", ".tiff", ".webp"))


def images_by_class(root: Path) -> tuple[list[Path], list[str]]:
    """Return the paths of all images and their classes, class by class in the order of their names.

    Images may lie deeper in the folder of their class. Other and hidden files are left out.
    """
    paths: list[Path] = []
    labels: list[str] = []
    for folder in sorted(entry for entry in root.iterdir() if entry.is_dir() and not entry.name.startswith(".")):
        images = sorted(
            path
            for path in folder.rglob("*")
            if path.suffix.lower() in IMAGE_SUFFIXES and not path.name.startswith(".")
        )
        paths += images
        labels += [folder.name] * len(images)
    return paths, labels
