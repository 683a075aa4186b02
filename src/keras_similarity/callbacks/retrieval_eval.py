"""After every epoch: how well does the model retrieve what it was not trained on?"""

from collections.abc import Hashable, Sequence
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from keras_similarity.callbacks.examples import Examples
from keras_similarity.core.checks import check_k, check_whole
from keras_similarity.core.distances import Distance, get_distance
from keras_similarity.core.labels import label_list
from keras_similarity.evaluate import (
    Outcomes,
    RetrievalReport,
    decide,
    evaluate_embeddings,
    find_labeled,
    get_classification_metric,
    get_matcher,
    parse_metrics,
)
from keras_similarity.index import Index

__all__ = ["RetrievalEval"]

KNOWN, UNKNOWN = "_known", "_unknown"
Rows = NDArray[np.float32]


class RetrievalEval(keras.callbacks.Callback):
    """Embeds queries and a gallery after every epoch, scores the queries, and adds the scores to the epoch's logs.

    Put it before `EarlyStopping` and `ModelCheckpoint` in the list of callbacks: they then see its scores, and want
    `mode="max"`. The model's own index and calibration are left alone. Scores are named as metrics are, with a prefix:
    "val_recall@1". With `known_classes`, each is there three times: over all queries, over those of known classes
    ("val_recall@1_known"), and over the others ("val_recall@1_unknown"); a group without a query that can be scored
    has NaN.

    Args:
        queries: Examples, as arrays with `query_labels`; or what yields batches `(x, y)` and can be read again: a
            `PyDataset`, a sampler (every example once), a `tf.data.Dataset`, a torch `DataLoader`. Of those, only the
            embeddings are kept, and only while they are needed.
        query_labels: The labels of arrays.
        gallery: What to find them in, in any of these forms; None for the queries themselves, each of which is left out
            of its own neighbours.
        gallery_labels: The labels of arrays.
        metrics: Retrieval metrics, see `keras_similarity.evaluate.retrieval_report`.
        classification_metrics: How often the k nearest decide rightly on a label, by `get_classification_metric`.
        k: How many neighbours vote in these.
        matcher: How they vote, see `get_matcher`.
        threshold: The largest distance that decides; +inf for any.
        known_classes: Labels the model is trained on, to tell them from others.
        distance: Name or `Distance`; None for that of the model's loss, cosine where it has none.
        every: Evaluate after so many epochs, and after the last; in between, the logs repeat the last scores.
        prefix: Of the names in the logs.

    Raises:
        ValueError: an unknown metric, matcher or distance, no examples, labels that do not fit; see `Examples`.
        TypeError: a source that can be read only once.

    Cost: embedding both sets, and an exact search of one in the other.

    Example:
        >>> import keras
        >>> from keras_similarity.models import SimilarityModel
        >>> inputs = keras.Input((2,))
        >>> model = SimilarityModel(inputs, keras.layers.Dense(2)(inputs))
        >>> model.compile("sgd", "mse")
        >>> x, y = np.random.default_rng(0).normal(size=(8, 2)), [0, 0, 0, 0, 1, 1, 1, 1]
        >>> history = model.fit(x, x, verbose=0, callbacks=[RetrievalEval(x, y, metrics=["map@r"])]).history
        >>> sorted(history)
        ['loss', 'val_map@r']
    """

    def __init__(
        self,
        queries: Any,
        query_labels: Any = None,
        gallery: Any = None,
        gallery_labels: Any = None,
        metrics: Sequence[str] = ("recall@1", "map@r"),
        *,
        classification_metrics: Sequence[str] = (),
        k: int = 1,
        matcher: Any = "match_nearest",
        threshold: float = np.inf,
        known_classes: Sequence[Hashable] | None = None,
        distance: str | Distance | None = None,
        every: int = 1,
        prefix: str = "val_",
    ) -> None:
        super().__init__()
        self._queries = Examples(queries, query_labels, name="queries", labels_name="query_labels")
        self._gallery = None
        if gallery is not None:
            self._gallery = Examples(gallery, gallery_labels, name="gallery", labels_name="gallery_labels")
        self._metrics = [metric.name for metric in parse_metrics(metrics)]
        self._classification = [get_classification_metric(name) for name in classification_metrics]
        self._k = check_k(k)
        self._matcher = get_matcher(matcher)
        self._threshold = threshold
        self._known_classes = None if known_classes is None else set(label_list(list(known_classes)))
        self._distance = None if distance is None else get_distance(distance)
        self._every = check_whole(every, name="every", minimum=1)
        self._prefix = prefix
        self._scores: dict[str, float] = {}

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Forget the scores of another training."""
        self._scores = {}

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Evaluate, and add the scores to the logs."""
        last = (self.params or {}).get("epochs") == epoch + 1
        if not self._scores or last or (epoch + 1) % self._every == 0:
            self._scores = {f"{self._prefix}{name}": score for name, score in self.evaluate().items()}
        if logs is not None:
            logs.update(self._scores)

    def evaluate(self) -> dict[str, float]:
        """Return the scores of the model as it is, by their names without the prefix."""
        model: Any = self.model
        rows, labels = self._queries.embed(model.embed)
        items = (None, None) if self._gallery is None else self._gallery.embed(model.embed)
        distance = self._distance or model.loss_distance or get_distance("cosine")
        report = evaluate_embeddings(rows, labels, *items, self._metrics, distance=distance)
        groups = self._groups(labels)
        scores = {
            f"{name}{group}": score
            for group, members in groups.items()
            for name, score in _means(report, members).items()
        }
        if self._classification:
            scores |= self._classify(rows, labels, *items, distance, groups)
        return scores

    def _groups(self, labels: list[Hashable]) -> dict[str, NDArray[np.bool_]]:
        """Return the suffix of each group's scores and which queries are in it."""
        groups = {"": np.ones(len(labels), bool)}
        if self._known_classes is not None:
            known = np.array([label in self._known_classes for label in labels])
            groups |= {KNOWN: known, UNKNOWN: ~known}
        return groups

    def _classify(
        self,
        rows: Rows,
        labels: list[Hashable],
        items: Rows | None,
        item_labels: list[Hashable] | None,
        distance: Distance,
        groups: dict[str, NDArray[np.bool_]],
    ) -> dict[str, float]:
        index = Index(rows.shape[1], distance, engine="exact")
        ids = index.add(rows, labels) if items is None else None
        if items is not None:
            index.add(items, item_labels)
        found = find_labeled(index, rows, labels, k=self._k, ids=ids)
        decisions = decide(found.result, self._matcher)
        accepted, right = decisions.accepted(self._threshold), found.right(decisions)
        outcomes = {
            group: Outcomes.of(accepted[members], right[members], found.known[members])
            for group, members in groups.items()
        }
        return {
            f"{metric.name}{group}": float(metric(counts))
            for group, counts in outcomes.items()
            for metric in self._classification
        }


def _means(report: RetrievalReport, members: NDArray[np.bool_]) -> dict[str, float]:
    """Return the means over some queries, NaN where none of them has a right answer."""
    answered = {name: values[members & ~np.isnan(values)] for name, values in report.per_query.items()}
    return {name: float(values.mean()) if len(values) else np.nan for name, values in answered.items()}
