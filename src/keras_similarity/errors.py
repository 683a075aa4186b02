"""Every error of our own, on one screen.

Wrong arguments raise `ValueError` or `TypeError`; the types below are for state, files and missing packages.

    KerasSimilarityError
    ├── MissingIndexError            the model has no index yet
    ├── NotCalibratedError           the model has no thresholds yet
    ├── UnknownIdError (KeyError)    no such id in the index
    ├── IndexFormatError             an index file of another format, or damaged
    │   └── CorruptIndexError        a checksum does not match
    ├── EmbeddingsFormatError        embeddings on disk that are incomplete, damaged or of another format
    ├── IndexLockedError             another process writes to this index
    ├── IndexMismatchError           an index of another distance, dimension or model
    ├── ReadOnlyIndexError           an index that cannot be written to
    ├── StorageError                 the disk refused a write
    │   └── StorageFullError         it is full
    ├── DatabaseError                the database refused what was asked of it
    │   ├── DatabaseTimeoutError     it took longer than it is allowed
    │   └── DatabaseUnavailableError it cannot be reached, or went away
    ├── ModelFileError               a model file that cannot be read, or may not be
    │   └── DamagedModelError        it is cut, changed or no model
    ├── ExportError                  a model that cannot be written for another runtime
    ├── UnsupportedImageError (ValueError)  no image, or one that is not read here
    ├── ImageTooLargeError (ValueError)  an image of more pixels than are decoded
    ├── DataUnavailableError         a data set that is not on this machine
    └── MissingExtraError (ImportError)  an optional package is not installed
        └── MissingBackendError      no deep-learning framework is installed
"""

__all__ = [
    "CorruptIndexError",
    "DamagedModelError",
    "DataUnavailableError",
    "DatabaseError",
    "DatabaseTimeoutError",
    "DatabaseUnavailableError",
    "EmbeddingsFormatError",
    "ExportError",
    "ImageTooLargeError",
    "IndexFormatError",
    "IndexLockedError",
    "IndexMismatchError",
    "KerasSimilarityError",
    "MissingBackendError",
    "MissingExtraError",
    "MissingIndexError",
    "ModelFileError",
    "NotCalibratedError",
    "ReadOnlyIndexError",
    "StorageError",
    "StorageFullError",
    "UnknownIdError",
    "UnsupportedImageError",
]


class KerasSimilarityError(Exception):
    """The common parent of every error this package defines."""


class MissingIndexError(KerasSimilarityError):
    """A search was asked of a model that has no index."""


class NotCalibratedError(KerasSimilarityError):
    """A decision was asked of a model that was never calibrated."""


class UnknownIdError(KerasSimilarityError, KeyError):
    """An id that the index does not hold."""

    def __str__(self) -> str:
        return Exception.__str__(self)  # KeyError would print the message inside quotes


class IndexFormatError(KerasSimilarityError):
    """A saved index that this version cannot read."""


class CorruptIndexError(IndexFormatError):
    """A saved index whose bytes changed after they were written."""


class EmbeddingsFormatError(KerasSimilarityError):
    """Embeddings on disk that are incomplete, damaged, or of a format that this version does not read."""


class IndexLockedError(KerasSimilarityError):
    """Another process writes to this index.

    Args:
        message: What to show.
        pid, host, since: The owner of the lock: its process, machine and when it took the lock; None where unknown.
    """

    def __init__(
        self, message: str, *, pid: int | None = None, host: str | None = None, since: str | None = None
    ) -> None:
        super().__init__(message)
        self.pid = pid
        self.host = host
        self.since = since


class IndexMismatchError(KerasSimilarityError, ValueError):
    """An index whose distance, dimension or model is another than was asked for."""


class ReadOnlyIndexError(KerasSimilarityError):
    """An index that cannot be written to: opened so, in a folder without permission, or after a failed write."""


class StorageError(KerasSimilarityError, OSError):
    """The disk refused a write; what was acknowledged before is there.

    Args:
        message: What to show.
        lasting: Whether nothing should be written any more: what the disk said it wrote may not be there.
    """

    def __init__(self, message: str, *, lasting: bool = False) -> None:
        super().__init__(message)
        self.lasting = lasting

    def __str__(self) -> str:
        return Exception.__str__(self)


class StorageFullError(StorageError):
    """There is no room for a write; the index is as it was, and works again when there is."""


class DatabaseError(KerasSimilarityError):
    """The database that an index lives in refused what was asked of it; the index is as it was."""


class DatabaseTimeoutError(DatabaseError, TimeoutError):
    """A statement took longer than the database allows, and was undone."""


class DatabaseUnavailableError(DatabaseError, ConnectionError):
    """The database cannot be reached, or went away; the message says what became of a write."""


class ModelFileError(KerasSimilarityError):
    """A model file that is damaged, of another kind, or holds what is not allowed."""


class DamagedModelError(ModelFileError):
    """A model file that is cut, changed, or no model at all."""


class ExportError(KerasSimilarityError):
    """A model that its backend cannot write in a format, or whose copy gives other embeddings."""


class UnsupportedImageError(KerasSimilarityError, ValueError):
    """No image, or one of a format that is not read here."""


class ImageTooLargeError(KerasSimilarityError, ValueError):
    """An image of more pixels than are decoded."""


class DataUnavailableError(KerasSimilarityError):
    """A named data set that is not on this machine."""


class MissingExtraError(KerasSimilarityError, ImportError):
    """An optional package that this call needs is not installed."""


class MissingBackendError(MissingExtraError):
    """Keras has no deep-learning framework to run on."""
