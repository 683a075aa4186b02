"""What calibration found, as values to use, and as plain arrays and JSON to keep."""

import json
import os
import zipfile
import zlib
from collections.abc import Hashable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from keras_similarity.calibrate.conformal import ConformalSets
from keras_similarity.calibrate.probability import ProbabilityCurve, Reliability
from keras_similarity.core.label_json import label_from_json, label_to_json
from keras_similarity.core.whole_file import whole_file
from keras_similarity.errors import CorruptIndexError

__all__ = ["CalibrationResults"]

FORMAT_VERSION = 1
SETTINGS = "settings"  # the JSON among the arrays of a file
Arrays = dict[str, NDArray[Any]]


@dataclass(frozen=True, eq=False)
class CalibrationResults:
    """Thresholds with what they achieve, probabilities, and prediction sets.

    Args:
        cutpoints: Name -> "name", "distance" (the threshold: a decision at most so far away is accepted), "value" of
            the calibration metric there, every metric asked for by its name, "target" in words, or None for the
            optimum, and with thresholds for each label "class_distances". "optimal" is always there.
        thresholds: "distance" `(t,)`, each distance that some decision has, ascending; "value" and each metric at it.
        probability: Distance -> the probability that the decision is right.
        reliability: How far these probabilities can be trusted.
        conformal: Prediction sets, or None where none were asked for.
        calibration_metric: Of which "optimal" is the optimum.
        matcher: The name of the matcher; a user's own is kept by its name alone.
        k: How many neighbours voted.
        distance: The name of the index's distance.
        known, unknown: How many queries of known and of unknown classes it was made from.

    Example:
        >>> from keras_similarity import Index
        >>> from keras_similarity.calibrate import calibrate
        >>> index = Index(1, "euclidean")
        >>> ids = index.add([[0.0], [10.0]], ["a", "b"])
        >>> calibration = calibrate(index, [[1.0], [9.0], [4.0]], ["a", "b", "c"])  # the index holds no "c"
        >>> calibration.thresholds["distance"].tolist(), calibration.thresholds["f1"].tolist()
        ([1.0, 4.0], [1.0, 0.8])
        >>> CalibrationResults.from_arrays(*calibration.to_arrays()).cutpoints == calibration.cutpoints
        True
    """

    cutpoints: dict[str, dict[str, Any]]
    thresholds: dict[str, NDArray[Any]] = field(repr=False)
    probability: ProbabilityCurve = field(repr=False)
    reliability: Reliability
    conformal: ConformalSets | None
    calibration_metric: str
    matcher: str
    k: int
    distance: str
    known: int
    unknown: int

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write everything to one file, whole or not at all: an .npz archive without pickle, with checksums.

        A model keeps its calibration itself; this is for an index without one. A file that was there is replaced.
        """
        arrays, settings = self.to_arrays()
        content = np.frombuffer(json.dumps(settings, allow_nan=False).encode(), np.uint8)
        with whole_file(Path(path)) as written, written.open("wb") as file:
            np.savez(file, allow_pickle=False, **{SETTINGS: content}, **arrays)

    @classmethod
    def open(cls, path: str | os.PathLike[str]) -> "CalibrationResults":
        """Read what `save` wrote, every number to the bit.

        Raises:
            FileNotFoundError: there is no such file.
            CorruptIndexError: it is damaged, or no calibration.
            ValueError: a newer format.
        """
        try:
            # Opened here, since `np.load` leaves a file open that is no archive.
            with Path(path).open("rb") as file, np.load(file, allow_pickle=False) as archive:
                arrays = dict(archive)
            settings = json.loads(arrays.pop(SETTINGS).tobytes())
        except (ValueError, LookupError, EOFError, TypeError, zipfile.BadZipFile, zlib.error) as error:
            raise CorruptIndexError(
                f"{Path(path).name} holds no calibration, or a damaged one: {error}.\n  Calibrate again."
            ) from error
        return cls.from_arrays(arrays, settings)

    def to_arrays(self) -> tuple[Arrays, dict[str, Any]]:
        """Return everything as arrays and JSON settings, for a file format to keep."""
        arrays = {f"threshold-{name}": values for name, values in self.thresholds.items()}
        arrays |= {f"probability-{name}": getattr(self.probability, name) for name in _PROBABILITY}
        arrays |= {f"reliability-{name}": getattr(self.reliability, name) for name in _RELIABILITY}
        settings = {name: getattr(self, name) for name in _SETTINGS}
        settings |= {
            "format_version": FORMAT_VERSION,
            "cutpoints": [_cutpoint_to_json(point) for point in self.cutpoints.values()],
            "reliability": {"error": self.reliability.error, "brier": self.reliability.brier},
            "conformal": None if self.conformal is None else asdict(self.conformal),
        }
        return arrays, settings

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]], settings: Mapping[str, Any]) -> "CalibrationResults":
        """Rebuild what `to_arrays` returned, every number to the bit.

        Raises:
            ValueError: a newer format.
        """
        version = settings.get("format_version")
        if version != FORMAT_VERSION:
            raise ValueError(
                f"a calibration of format {version!r} was found; this version reads format {FORMAT_VERSION}.\n"
                "  Upgrade keras-similarity, or calibrate again."
            )
        points = [_cutpoint_from_json(point) for point in settings["cutpoints"]]
        prefix = "threshold-"
        conformal = settings["conformal"]
        return cls(
            cutpoints={point["name"]: point for point in points},
            thresholds={
                name.removeprefix(prefix): values for name, values in arrays.items() if name.startswith(prefix)
            },
            probability=ProbabilityCurve(*(arrays[f"probability-{name}"] for name in _PROBABILITY)),
            reliability=Reliability(
                **{name: arrays[f"reliability-{name}"] for name in _RELIABILITY}, **settings["reliability"]
            ),
            conformal=None if conformal is None else ConformalSets(**conformal),
            **{name: settings[name] for name in _SETTINGS},
        )


_SETTINGS = ("calibration_metric", "matcher", "k", "distance", "known", "unknown")
_PROBABILITY = ("distances", "probabilities")
_RELIABILITY = ("predicted", "observed", "counts")


def _cutpoint_to_json(point: dict[str, Any]) -> dict[str, Any]:
    """JSON has no NaN, and its keys are strings."""
    plain = {name: None if value != value else value for name, value in point.items() if name != "class_distances"}
    if "class_distances" in point:
        plain["class_distances"] = [[label_to_json(label), far] for label, far in point["class_distances"].items()]
    return plain


def _cutpoint_from_json(plain: dict[str, Any]) -> dict[str, Any]:
    kept = ("name", "target")
    point = {name: np.nan if value is None and name not in kept else value for name, value in plain.items()}
    if "class_distances" in plain:
        pairs: dict[Hashable, float] = {label_from_json(label): far for label, far in plain["class_distances"]}
        point["class_distances"] = pairs
    return point
