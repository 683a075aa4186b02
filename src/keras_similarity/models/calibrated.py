"""How near is near enough: a searchable model that is calibrated, and then says "none of these" too."""

import os
from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path
from typing import Any

from keras_similarity.calibrate import CalibrationResults, calibrate, match
from keras_similarity.calibrate.kept import CALIBRATION_FILE, calibration_among, with_calibration
from keras_similarity.errors import NotCalibratedError
from keras_similarity.evaluate import evaluate_classification
from keras_similarity.index import Index
from keras_similarity.index.remote import is_address
from keras_similarity.models.searchable import Searchable

__all__ = ["Calibrated"]


class Calibrated(Searchable):
    """Calibrate, match and classify with a `keras.Model`; see `SimilarityModel` for the whole."""

    _calibration: CalibrationResults | None = None

    @property
    def calibration(self) -> CalibrationResults | None:
        """What `calibrate` found last, None before; it is saved with the model."""
        return self._calibration

    def calibrate(
        self, x: Any, y: Any, thresholds_targets: Mapping[str, Any] | None = None, **settings: Any
    ) -> CalibrationResults:
        """Find the distances up to which neighbours should be believed, and keep them for `match`.

        Args:
            x, y: Examples and labels that neither training nor the index saw, with unknown classes among them as they
                will come.
            thresholds_targets, **settings: See `keras_similarity.calibrate.calibrate`: k, calibration_metric, matcher,
                extra_metrics, unknown_classes, per_class, coverage, ids, seed.

        Raises:
            MissingIndexError: there is no index yet.
            ValueError: see `keras_similarity.calibrate.calibrate`.
        """
        index = self._existing_index("calibrate")
        self._calibration = calibrate(index, self.embed(x), y, thresholds_targets, **settings)
        return self._calibration

    def match(self, x: Any, cutpoint: str = "optimal", no_match_label: Hashable = -1, *, matcher: Any = None) -> Any:
        """Label examples by their neighbours; one that is too far from everything gets `no_match_label`.

        Args:
            x: Examples, see `embed`.
            cutpoint: Which of the calibration's; "all" for a dict of them all.
            no_match_label: The label of the unknown.
            matcher: The user's own matcher, if one was calibrated.

        Returns:
            `keras_similarity.calibrate.Matches`: a sequence of labels, with probabilities and deciding neighbours.

        Raises:
            NotCalibratedError: `calibrate` was not called yet.
        """
        calibration = self._existing_calibration("match")
        return match(
            self.lookup(x, calibration.k), calibration, cutpoint, no_match_label=no_match_label, matcher=matcher
        )

    def evaluate_classification(
        self,
        x: Any,
        y: Any,
        extra_metrics: Sequence[str] = ("precision", "recall"),
        *,
        matcher: Any = None,
        ids: Any = None,
    ) -> dict[str, dict[str, float]]:
        """Classify examples at every cutpoint of the calibration, and tell how often that is right.

        Args:
            x, y: Examples and true labels; a label the index does not hold is an unknown one, rightly rejected.
            matcher: The user's own matcher, if one was calibrated.
            extra_metrics: Names beside the calibration metric.
            ids: For examples that are items of the index: their ids, left out of their own neighbours.

        Returns:
            Cutpoint -> its distance and its metrics; see `keras_similarity.evaluate.evaluate_classification`.

        Raises:
            NotCalibratedError: `calibrate` was not called yet.
        """
        calibration = self._existing_calibration("evaluate_classification")
        return evaluate_classification(
            self._existing_index("evaluate_classification"),
            self.embed(x),
            y,
            calibration.cutpoints,
            (calibration.calibration_metric, *extra_metrics),
            k=calibration.k,
            matcher=calibration.matcher if matcher is None else matcher,
            ids=ids,
        )

    def reset_index(self) -> None:
        """Empty the index and forget its calibration; its distance and settings stay."""
        super().reset_index()
        self._calibration = None

    def load_index(self, path: str | os.PathLike[str]) -> None:
        """Take over an index and its calibration, in place of this model's; see `Searchable.load_index`."""
        kept = None if is_address(path) else Path(path, CALIBRATION_FILE)
        calibration = CalibrationResults.open(kept) if kept is not None and kept.is_file() else None
        super().load_index(path)
        self._calibration = calibration or self._calibration

    def _index_to_arrays(self) -> tuple[dict[str, Any], dict[str, Any]]:
        arrays, settings = super()._index_to_arrays()
        return (
            (arrays, settings) if self._calibration is None else with_calibration(self._calibration, arrays, settings)
        )

    def _take_index(self, arrays: dict[str, Any], settings: dict[str, Any]) -> None:
        super()._take_index(arrays, settings)
        self._calibration = calibration_among(arrays, settings)

    def _use_index(self, index: Index) -> None:
        super()._use_index(index)
        self._calibration = None  # its thresholds were another index's

    def _existing_calibration(self, caller: str) -> CalibrationResults:
        if self._calibration is None:
            raise NotCalibratedError(
                f"`{caller}()` needs thresholds, and this model has none.\n"
                "  Call `model.calibrate(x, y)` first, with examples that neither training nor the index saw."
            )
        return self._calibration
