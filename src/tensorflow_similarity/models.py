"""The models with upstream's arguments. What they said of printing and building has no effect any more."""

import itertools
import sys
from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path
from typing import Any

import keras

from keras_similarity import models
from keras_similarity.core.extras import import_extra
from keras_similarity.evaluate import get_matcher
from keras_similarity.models.compiled import Compiled

__all__ = ["ContrastiveModel", "SimilarityModel", "create_contrastive_model"]

SEARCHES = {"linear": "exact", "nmslib": "auto", "faiss": "auto"}
OTHER: Any = None  # of upstream's arguments, those that are gone


class UpstreamArguments(Compiled):
    """Mixed into a `keras_similarity.SimilarityModel`: its methods, called as upstream's were."""

    def compile(
        self,
        optimizer: Any = "rmsprop",
        loss: Any = None,
        metrics: Any = None,
        loss_weights: Any = None,
        weighted_metrics: Any = None,
        run_eagerly: bool = False,
        steps_per_execution: int = 1,
        distance: Any = "auto",
        embedding_output: Any = None,
        kv_store: str = "memory",
        search: str = "auto",
        evaluator: Any = OTHER,
        stat_buffer_size: Any = OTHER,
        **own: Any,
    ) -> None:
        """Configure training and the index."""
        own |= {"loss_weights": loss_weights, "weighted_metrics": weighted_metrics, "run_eagerly": run_eagerly}
        own |= {"distance": distance, "embedding_output": embedding_output, "steps_per_execution": steps_per_execution}
        super().compile(optimizer, loss, metrics, search=SEARCHES.get(search, search), store=kv_store, **own)

    def index(
        self, x: Any, y: Any = None, data: Any = None, build: Any = OTHER, verbose: Any = OTHER, **own: Any
    ) -> Any:
        """Embed examples and add them to the index."""
        return super().index(x, y, data, **own)

    def index_single(self, x: Any, y: Any = None, data: Any = None, build: Any = OTHER, verbose: Any = OTHER) -> Any:
        """Embed one example and add it to the index."""
        return super().index(x[None], None if y is None else [y], None if data is None else [data])

    def lookup(self, x: Any, k: int = 5, verbose: Any = OTHER, **own: Any) -> Any:
        """Find the k nearest indexed items of each example."""
        return super().lookup(x, k, **own)

    def calibrate(
        self,
        x: Any,
        y: Any,
        thresholds_targets: Mapping[str, Any] | None = None,
        k: int = 1,
        calibration_metric: Any = "f1",
        matcher: Any = "match_nearest",
        extra_metrics: Sequence[Any] = ("precision", "recall"),
        rounding: Any = OTHER,
        verbose: Any = OTHER,
        **own: Any,
    ) -> Any:
        """Find the distances up to which neighbours should be believed."""
        own |= {"k": k, "calibration_metric": calibration_metric, "matcher": matcher, "extra_metrics": extra_metrics}
        return super().calibrate(x, y, thresholds_targets or None, **own)

    def match(  # type: ignore[override] - upstream's order
        self,
        x: Any,
        cutpoint: str = "optimal",
        no_match_label: Hashable = -1,
        k: int | None = None,
        matcher: Any = None,
        verbose: Any = OTHER,
    ) -> Any:
        """Label examples by their neighbours; k and matcher are those of the calibration, or left out."""
        return super().match(x, cutpoint, no_match_label, matcher=self._calibrated_matcher("match", k, matcher))

    def evaluate_retrieval(  # type: ignore[override] - upstream's name of the metrics
        self, x: Any, y: Any, retrieval_metrics: Sequence[str] = ("recall@1",), verbose: Any = OTHER, **own: Any
    ) -> dict[str, float]:
        """Look up examples and average their scores."""
        return super().evaluate_retrieval(x, y, retrieval_metrics, **own)

    def evaluate_classification(  # type: ignore[override] - upstream's order
        self,
        x: Any,
        y: Any,
        k: int | None = None,
        extra_metrics: Sequence[str] = ("precision", "recall"),
        matcher: Any = None,
        verbose: Any = OTHER,
    ) -> dict[str, dict[str, float]]:
        """Classify examples at every cutpoint; k and matcher are those of the calibration, or left out."""
        voting = self._calibrated_matcher("evaluate_classification", k, matcher)
        return super().evaluate_classification(x, y, extra_metrics, matcher=voting)

    def _calibrated_matcher(self, caller: str, k: Any, matcher: Any) -> Any:
        """Refuse another k or matcher than the thresholds were found with: distances would mean something else."""
        calibration = self._existing_calibration(caller)
        voting = get_matcher(calibration.matcher if matcher is None else matcher)
        if voting.name != calibration.matcher or not (voting.nearest_only or k in (None, calibration.k)):
            raise ValueError(
                f"`{caller}()` needs the calibration's k={calibration.k} and matcher={calibration.matcher!r}: got "
                f"k={k} and matcher={voting.name!r}.\n  Leave them out, or calibrate with them."
            )
        return voting

    def index_summary(self) -> None:
        """Print what the index holds and how it answers."""
        described = self.gallery.describe()
        sys.stdout.writelines(f"{name}: {value}\n" for name, value in described.items())

    def to_data_frame(self, num_items: int = 0) -> Any:
        """Return the first items of the index, or all of them, as a data frame."""
        pandas = import_extra("pandas", extra="data", purpose="a data frame")
        records = itertools.islice(self.gallery.records(), num_items or None)
        columns = [(record.embedding, record.data, record.label) for record in records]
        return pandas.DataFrame(columns, columns=["embeddings", "data", "labels"])

    def save(  # type: ignore[override] - upstream's order
        self,
        filepath: Any,
        save_index: bool = True,
        compression: Any = OTHER,
        overwrite: bool = True,
        include_optimizer: bool = True,
        save_format: Any = OTHER,
        signatures: Any = OTHER,
        options: Any = OTHER,
        save_traces: Any = OTHER,
        **own: Any,
    ) -> None:
        """Write model and index to one file, which ends in `.keras`."""
        if not save_index:
            raise ValueError("`save_index` must be True: got False, and one file keeps both.\n  Reset the index first.")
        super().save(filepath, overwrite=overwrite, include_optimizer=include_optimizer, **own)

    def save_index(  # type: ignore[override] - upstream's names
        self, filepath: Any, compression: Any = OTHER, overwrite: bool = True
    ) -> None:
        """Write the index, and its calibration with it, to a folder."""
        if not overwrite and Path(filepath).exists():
            raise FileExistsError(f"{filepath} is there already.\n  Name another folder, or pass overwrite=True.")
        super().save_index(filepath)

    def load_index(self, filepath: Any) -> None:  # type: ignore[override] - upstream's name
        """Take over an index that `save_index` wrote."""
        super().load_index(filepath)


@keras.saving.register_keras_serializable(package="tensorflow_similarity")
class SimilarityModel(UpstreamArguments, models.SimilarityModel):  # type: ignore[override] - upstream's arguments
    """`keras_similarity.SimilarityModel`, called as upstream's model was."""


@keras.saving.register_keras_serializable(package="tensorflow_similarity")
class ContrastiveModel(UpstreamArguments, models.ContrastiveModel):  # type: ignore[override] - the same
    """`keras_similarity.models.ContrastiveModel`, called as upstream's model was."""


def create_contrastive_model(
    backbone: Any, projector: Any = None, predictor: Any = None, algorithm: str = "simsiam", **own: Any
) -> ContrastiveModel:
    """Build a `ContrastiveModel` whose index holds the projector's output, as upstream's did."""
    return ContrastiveModel(backbone, projector, predictor, algorithm, **{"embedding": "projector", **own})
