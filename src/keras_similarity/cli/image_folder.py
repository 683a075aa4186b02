"""A folder of images, a subfolder a class, as commands find it."""

from pathlib import Path

from keras_similarity.cli.output import say
from keras_similarity.core.image_folder import images_by_class, images_of_no_class

__all__ = ["find_images", "tell_left_out"]


def find_images(folder: Path) -> tuple[list[Path], list[str]]:
    """Return the images in the subfolders of a folder and their classes, in the order of their names.

    Those that lie beside the subfolders are left out, and counted on stderr.

    Raises:
        FileNotFoundError: there is no folder.
        ValueError: there are none.
    """
    if not folder.is_dir():
        raise FileNotFoundError(f"no folder is at {folder}.\n  Check the path.")
    paths, labels = images_by_class(folder)
    if paths:
        tell_left_out(folder)
        return paths, labels
    others = len(images_of_no_class(folder))
    if others:
        raise ValueError(
            f"{folder} needs subfolders with images, one a class: its own images, {others:,}, are in none.\n"
            "  Put the images into one subfolder, or into one a class."
        )
    raise ValueError(f"{folder} needs subfolders with images, one a class: there are none.\n  Check the path.")


def tell_left_out(folder: Path) -> None:
    """Say how many images in a folder are in the subfolder of no class, where there are any."""
    others = len(images_of_no_class(folder))
    if others:
        say(f"note: images of {folder} that are in the subfolder of no class were left out: {others:,}")
