"""A folder of images, a subfolder a class, as commands find it."""

from pathlib import Path

from keras_similarity.core.image_folder import images_by_class

__all__ = ["find_images"]


def find_images(folder: Path) -> tuple[list[Path], list[str]]:
    """Return the images in the subfolders of a folder and their classes, in the order of their names.

    Raises:
        ValueError: there are none.
    """
    paths, labels = images_by_class(folder)
    if not paths:
        raise ValueError(f"{folder} needs subfolders with images, one a class: there are none.\n  Check the path.")
    return paths, labels
