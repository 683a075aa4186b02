"""Class-balanced batches from files, read when they are needed: paths and labels, a data frame, or a folder."""

import functools
import logging
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from keras_similarity.core.checks import check_choice, check_same_length
from keras_similarity.core.image_folder import IMAGE_SUFFIXES, images_by_class
from keras_similarity.samplers.balanced import BalancedSampler
from keras_similarity.samplers.images import load_image
from keras_similarity.samplers.selection import class_labels, encode_classes
from keras_similarity.samplers.sources import stack_examples

__all__ = ["MultiShotFileSampler", "from_data_frame", "from_directory"]

logger = logging.getLogger(__name__)


class FileRows:
    """Examples read from files; one that cannot be read may be replaced by the next of its class.

    Args:
        paths: One a row.
        codes: The class of each row, `(n,)`.
        load: Called with a path.
        skip: Whether what cannot be read is replaced; else it is an error.
    """

    def __init__(self, paths: list[str], codes: NDArray[np.int32], load: Callable[[str], Any], skip: bool) -> None:
        self.paths = paths
        self.codes = codes
        self.load = load
        self.skip = skip
        self.corrupt: dict[str, str] = {}

    def __len__(self) -> int:
        return len(self.paths)

    def take(self, rows: NDArray[np.integer]) -> Any:
        """Read some files, one after another."""
        used = rows.tolist()
        examples = []
        for place, row in enumerate(used):
            example, used[place] = self._readable(row)
            examples.append(example)
        return stack_examples(examples, lambda place: self.paths[used[place]])

    def _readable(self, row: int) -> tuple[Any, int]:
        """Return the example of a row, or of the next row of its class that can be read."""
        for candidate in self._candidates(row):
            path = self.paths[candidate]
            if path in self.corrupt:
                continue
            try:
                return self.load(path), candidate
            except (OSError, SyntaxError) as error:  # Pillow raises the latter for a broken PNG
                if not self.skip:
                    raise OSError(
                        f"an example must be readable: {path} is not ({error}).\n"
                        "  Repair or remove the file, or pass corrupt='skip' to show another of its class."
                    ) from error
                self.corrupt[path] = str(error)
                logger.warning("%s cannot be read and is replaced by another of its class: %s", path, error)
        raise OSError(
            f"a class needs a file that can be read: none of the {int((self.codes == self.codes[row]).sum())} of the "
            f"class of {self.paths[row]} can.\n  Repair them, or leave the class out with `class_list`."
        )

    def _candidates(self, row: int) -> Iterator[int]:
        yield row
        members = np.flatnonzero(self.codes == self.codes[row])
        yield from np.roll(members, -int(np.searchsorted(members, row)))[1:].tolist()


class MultiShotFileSampler(BalancedSampler):
    """`MultiShotMemorySampler` over files, which are read whenever a batch needs them.

    Args:
        x: Paths, one an example.
        y: One label per path.
        load_example_fn: Makes an example of a path; `load_image` unless another is given.
        classes_per_batch, examples_per_class_per_batch, steps_per_epoch: See `MultiShotMemorySampler`.
        class_list, total_examples_per_class, augmenter: See `MultiShotMemorySampler`.
        target_size: (height, width) of images; None where all are of one size. For `load_image`.
        color_mode, crop_to_aspect_ratio: For `load_image`.
        corrupt: What happens to a file that cannot be read: "raise" names it; "skip" shows the next of its class
            instead, and `corrupt_files` counts and names such files.
        **common: The other arguments of `MultiShotMemorySampler`; `workers` threads read a batch together.

    Raises:
        ValueError: no paths, an empty file under "raise", or see `MultiShotMemorySampler`.
        OSError: a batch has a file that cannot be read.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     paths = [Path(folder, f"{number}.npy") for number in range(4)]
        ...     for number, path in enumerate(paths):
        ...         np.save(path, np.full(3, number))
        ...     x, codes = MultiShotFileSampler(paths, ["cat", "dog"] * 2, np.load, seed=0)[0]
        >>> x.shape, (x[:, 0] % 2 == codes).all().item()
        ((4, 3), True)
    """

    def __init__(
        self,
        x: Any,
        y: Any,
        load_example_fn: Callable[[str], Any] | None = None,
        classes_per_batch: int = 2,
        examples_per_class_per_batch: int = 2,
        steps_per_epoch: int | None = None,
        class_list: Any = None,
        total_examples_per_class: int | None = None,
        augmenter: Callable[..., Any] | None = None,
        *,
        target_size: tuple[int, int] | None = None,
        color_mode: str = "rgb",
        crop_to_aspect_ratio: bool = False,
        corrupt: str = "raise",
        **common: Any,
    ) -> None:
        check_choice(corrupt, ("raise", "skip"), name="corrupt")
        if load_example_fn is None:
            load_example_fn = functools.partial(
                load_image,
                target_size=target_size,
                color_mode=color_mode,
                crop_to_aspect_ratio=crop_to_aspect_ratio,
            )
        elif target_size is not None:
            raise ValueError(
                "`target_size` is for `load_image`: got `load_example_fn` too.\n  Resize in that function."
            )
        paths = [os.fspath(path) for path in x]
        labels = class_labels(y, name="y")
        check_same_length(len(paths), labels, name="y", what="x")
        self._files = FileRows(paths, encode_classes(labels)[0], load_example_fn, corrupt == "skip")
        super().__init__(
            self._files,
            labels,
            classes_per_batch,
            examples_per_class_per_batch,
            steps_per_epoch,
            class_list,
            total_examples_per_class,
            augmenter=augmenter,
            **common,
        )

    @property
    def corrupt_files(self) -> dict[str, str]:
        """The files found so far that cannot be read, and why; those that other processes found are in their logs."""
        return dict(self._files.corrupt)


def from_directory(
    directory: str | os.PathLike[str], classes_per_batch: int = 2, **sampling: Any
) -> MultiShotFileSampler:
    """Return a sampler over a folder of images, in which each subfolder is a class named like it.

    Args:
        directory: Holds a folder for each class; images may lie deeper. Other and hidden files are left out.
        classes_per_batch: P, ≥ 2.
        **sampling: The other arguments of `MultiShotFileSampler`, such as `target_size=(224, 224)`.

    Raises:
        FileNotFoundError: there is no such folder.
        ValueError: no images, images of one class only, or an image file of 0 bytes under corrupt="raise".

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> from PIL import Image
        >>> with TemporaryDirectory() as folder:
        ...     for name in ("cat/1.png", "cat/2.png", "dog/1.png", "dog/2.png"):
        ...         Path(folder, name).parent.mkdir(exist_ok=True)
        ...         Image.new("RGB", (8, 6)).save(Path(folder, name))
        ...     sampler = from_directory(folder, target_size=(4, 4), seed=0)
        ...     x, codes = sampler[0]
        >>> sampler.vocabulary.labels, x.shape
        (['cat', 'dog'], (4, 4, 4, 3))
    """
    root = Path(directory)
    if not root.is_dir():
        raise FileNotFoundError(
            f"`directory` must be a folder: {root} is none.\n  Pass the folder of the classes' folders."
        )
    paths, labels = images_by_class(root)
    if not paths:
        raise ValueError(
            f"`directory` needs a subfolder of images for each class: {root} has no images in subfolders.\n"
            f"  Put each class into a folder of its own; files ending in {', '.join(sorted(IMAGE_SUFFIXES))} are read."
        )
    empty = [path for path in paths if path.stat().st_size == 0]
    if empty and sampling.get("corrupt", "raise") == "raise":
        raise ValueError(
            f"`directory` needs files that hold images: {empty[0]} is empty ({len(empty)} such files).\n"
            "  Remove them, or pass corrupt='skip'."
        )
    return MultiShotFileSampler(paths, labels, classes_per_batch=classes_per_batch, **sampling)


def from_data_frame(
    frame: Any,
    path: str = "path",
    label: str = "label",
    *,
    root: str | os.PathLike[str] | None = None,
    **sampling: Any,
) -> MultiShotFileSampler:
    """Return a sampler over a data frame that names a file and a label in each row.

    Args:
        frame: A pandas or polars data frame, or a dict of columns.
        path: The column of paths.
        label: The column of labels.
        root: The folder that paths are relative to; None for the current one.
        **sampling: The arguments of `MultiShotFileSampler`.

    Raises:
        ValueError: no such column, a row without a label, or see `MultiShotFileSampler`.

    Example:
        >>> frame = {"path": ["1.jpg", "2.jpg", "3.jpg", "4.jpg"], "label": ["cat", "dog", "cat", "dog"]}
        >>> sampler = from_data_frame(frame, root="photos", load_example_fn=np.asarray, seed=0)
        >>> x, y = sampler.get_slice(1, 2)
        >>> x.tolist(), y
        (['photos/2.jpg', 'photos/3.jpg'], ['dog', 'cat'])
    """
    columns = [str(column) for column in getattr(frame, "columns", frame)]
    for name, column in (("path", path), ("label", label)):
        if column not in columns:
            raise ValueError(f"`{name}` must be one of the columns {columns}: got {column!r}.\n  Name the column.")
    paths = [os.path.join(root, entry) if root is not None else entry for entry in frame[path]]  # noqa: PTH118
    return MultiShotFileSampler(paths, class_labels(frame[label], name=label), **sampling)
