"""Every error of our own, on one screen.

Wrong arguments raise `ValueError` or `TypeError`; the types below are for state, files and missing packages.

    KerasSimilarityError
    ├── MissingIndexError            the model has no index yet
    ├── NotCalibratedError           the model has no thresholds yet
    ├── UnknownIdError (KeyError)    no such id in the index
    ├── IndexFormatError             an index file of another format, or damaged
    │   └── CorruptIndexError        a checksum does not match
    ├── ModelFileError               a model file that cannot be read
    ├── DataUnavailableError         a data set that is not on this machine
    └── MissingExtraError (ImportError)  an optional package is not installed
        └── MissingBackendError      no deep-learning framework is installed
"""

__all__ = [
    "CorruptIndexError",
    "DataUnavailableError",
    "IndexFormatError",
    "KerasSimilarityError",
    "MissingBackendError",
    "MissingExtraError",
    "MissingIndexError",
    "ModelFileError",
    "NotCalibratedError",
    "UnknownIdError",
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


class ModelFileError(KerasSimilarityError):
    """A model file that is missing, damaged or of another kind."""


class DataUnavailableError(KerasSimilarityError):
    """A named data set that is not on this machine."""


class MissingExtraError(KerasSimilarityError, ImportError):
    """An optional package that this call needs is not installed."""


class MissingBackendError(MissingExtraError):
    """Keras has no deep-learning framework to run on."""
