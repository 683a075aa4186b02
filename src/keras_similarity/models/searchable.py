"""What makes a Keras model searchable: it owns one `Index` and delegates to it. Models mix this in, none copies it."""

import os
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from keras_similarity.core.checks import as_array, check_choice, check_k, check_same_length
from keras_similarity.core.distances import Distance, get_distance
from keras_similarity.core.labels import label_list
from keras_similarity.core.results import Neighbors, SearchResult
from keras_similarity.core.rows import as_rows, count_rows, map_rows
from keras_similarity.embed import encode
from keras_similarity.errors import MissingIndexError
from keras_similarity.evaluate import RetrievalReport, retrieval_report
from keras_similarity.index import Index
from keras_similarity.index.engines import ENGINES
from keras_similarity.index.folder import read_folder, replace_folder
from keras_similarity.index.kept import as_path, place_of
from keras_similarity.index.remote import is_address
from keras_similarity.index.stores.disk.folder import is_store
from keras_similarity.models.adapters.forward import Forward

__all__ = ["Searchable"]


class Searchable:
    """Index, look up and evaluate with a `keras.Model`; see `SimilarityModel` for the whole."""

    _index: Index | None = None
    _embedding_output: int | str | None = None
    _forward: Forward | None = None

    def embed(self, x: Any) -> NDArray[np.float32]:
        """Embed examples.

        Args:
            x: Array or tensor `(n, …)`; for several inputs a list, tuple or dict of them; or anything
                `keras.Model.predict` reads, such as a `PyDataset`.

        Returns:
            `(n, d)` float32; `(0, d)` for no examples.

        Raises:
            ValueError: NaN or infinity in x, inputs of different lengths, or a model whose output is no embedding.
        """
        output = self._output_position()
        if isinstance(x, keras.utils.PyDataset) or not hasattr(_first(x), "__len__"):
            return np.asarray(self._select(self.predict(x, verbose=0), output), np.float32)
        rows = as_rows(x, name="x", inputs=len(self.inputs))
        if count_rows(rows) == 0:
            return np.empty((0, self.embedding_size), np.float32)
        if self._forward is None:
            self._forward = Forward(self)
        forward = self._forward
        return encode(lambda batch: self._select(forward(batch), output), rows)

    def index(
        self,
        x: Any,
        y: Any = None,
        data: Any = None,
        *,
        ids: Any = None,
        metadata: Sequence[dict[str, Any] | None] | None = None,
    ) -> NDArray[Any]:
        """Embed examples and add them to the index; new classes need no training.

        Args:
            x: Examples, see `embed`.
            y: One label per example, any hashable values; None for examples without labels.
            data: One value per example to find again with it, such as the image; see `Index.add`.
            ids: One int or string per example; an id that is there already is replaced.
            metadata: One JSON object per example.

        Returns:
            The ids `(n,)`.

        Raises:
            ValueError, TypeError: see `Index.add`; the index is then as it was.
        """
        if y is not None and hasattr(_first(x), "__len__"):
            rows = as_rows(x, name="x", inputs=len(self.inputs))
            check_same_length(count_rows(rows), label_list(y, name="y"), name="y", what="x")
        embeddings = self.embed(x)
        if self._index is None:
            self._index = Index(self.embedding_size)
        return self._index.add(embeddings, y, ids=ids, data=data, metadata=metadata)

    def lookup(
        self, x: Any, k: int = 5, *, where: dict[str, Any] | None = None, max_distance: float | None = None
    ) -> SearchResult:
        """Find the k nearest indexed items of each example; see `Index.search`.

        `where` keeps items by label, id and metadata, such as {"label": "cat", "price": {"lt": 5}}, and `max_distance`
        those that are near enough.

        Raises:
            MissingIndexError: there is no index yet.
            ValueError: k below 1 or not whole, NaN or infinity in x.
        """
        index = self._existing_index("lookup")
        return index.search(self.embed(x), check_k(k), where=where, max_distance=max_distance)

    def single_lookup(self, x: Any, k: int = 5, *, where: dict[str, Any] | None = None) -> Neighbors:
        """Find the k nearest indexed items of one example, given without a batch axis; see `lookup`."""
        return self.lookup(map_rows(lambda part: as_array(part)[None], x), k, where=where)[0]

    def evaluate_retrieval(
        self,
        x: Any,
        y: Any,
        metrics: Sequence[str] = ("recall@1", "recall@5", "map@r"),
        *,
        average: str = "micro",
        **options: Any,
    ) -> dict[str, float]:
        """Look up examples and average their scores.

        Args:
            x, y, metrics, **options: See `retrieval_report`.
            average: "micro" over examples, or "macro" over the classes' own means.

        Returns:
            Each name with its mean, in [0, 1].

        Raises:
            MissingIndexError: there is no index yet.
            ValueError: see `keras_similarity.evaluate.evaluate_retrieval`.
        """
        return self.retrieval_report(x, y, metrics, **options).mean(average=average)

    def retrieval_report(
        self, x: Any, y: Any, metrics: Sequence[str] = ("recall@1", "recall@5", "map@r"), **options: Any
    ) -> RetrievalReport:
        """Look up examples and score each: by example, by class, with confidence intervals, and the index's own recall.

        Args:
            x: Examples, see `embed`, that are not in the index, unless `ids` says under which ids.
            y: Their true labels.
            metrics: "recall@k", "precision@k", "map@r" and others, see `keras_similarity.evaluate.retrieval_report`.
            **options: `ids`, `relevance` and `gallery_labels`, see there.

        Raises:
            MissingIndexError: there is no index yet.
            ValueError: see `keras_similarity.evaluate.retrieval_report`.
        """
        return retrieval_report(self._existing_index("evaluate_retrieval"), self.embed(x), y, metrics, **options)

    def index_size(self) -> int:
        """Return how many items the index holds, 0 without one."""
        return 0 if self._index is None else len(self._index)

    def reset_index(self) -> None:
        """Empty the index; its settings, its place on disk and its counter of ids stay."""
        if self._index is not None:
            self._index.clear()

    def save_index(self, path: str | os.PathLike[str]) -> None:
        """Write the index, and its calibration with it, to a folder; `save` keeps both with the model.

        Raises:
            MissingIndexError: there is no index yet.
            FileExistsError: `path` exists and holds no index.
        """
        replace_folder(as_path(path, name="path"), *self._index_to_arrays())

    def load_index(self, path: str | os.PathLike[str]) -> None:
        """Take over an index that `save_index` or `Index.save` wrote, in place of this model's; and its calibration.

        An index that lives in a folder or a database is opened there: what is added later goes there.

        Raises:
            FileNotFoundError: no index is there.
            ValueError: it holds embeddings of another width than the model's. The model's index is then as it was.
        """
        if is_address(path) or is_store(as_path(path, name="path")):
            self._use_index(Index.open(path))
        else:
            self._take_index(*read_folder(as_path(path, name="path")))

    @property
    def gallery(self) -> Index:
        """The index itself, for `remove`, `update` and all else of it; a MissingIndexError before there is one."""
        return self._existing_index("gallery")

    @property
    def embedding_size(self) -> int:
        """Width d of an embedding."""
        return self.outputs[self._output_position()].shape[-1]

    def _check_index(
        self, distance: str | Distance, search: str, store: str, embedding_output: int | str | None
    ) -> None:
        """Raise a ValueError unless `_prepare_index` can make, or keep, the index that `compile` asks for."""
        check_choice(search, ["auto", *ENGINES], name="search")
        dim, distance, current = self._width(embedding_output), get_distance(distance), self._index
        if current is None or not len(current):
            return
        if (current.dim, current.distance) != (dim, distance):
            raise ValueError(
                f"the index holds {len(current)} items of {current.dim} dimensions by {current.distance} distance,"
                f" and `compile` asks for {dim} dimensions by {distance} distance.\n"
                f"  Pass distance={current.distance.name!r} to keep it, or call `reset_index()` and compile again."
            )
        settings = (("store", place_of(store), "memory", current.store), ("search", search, "auto", current.engine))
        for name, asked, default, found in settings:
            if asked not in (default, found):
                raise ValueError(
                    f"the index holds {len(current)} items with {name}={found!r}, and `compile` asks for {asked!r}.\n"
                    f"  Leave `{name}` out to keep it, or call `reset_index()`, compile again, and index anew."
                )

    def _prepare_index(
        self, distance: str | Distance, search: str, store: str, embedding_output: int | str | None
    ) -> None:
        """Make the index that `compile` asks for, or keep the one there is."""
        current, dim, distance = self._index, self._width(embedding_output), get_distance(distance)
        wanted = (dim, distance, search, place_of(store))
        if current is None:
            self._index = Index(dim, distance, engine=search, store=store)
        elif not len(current) and (current.dim, current.distance, current.engine, current.store) != wanted:
            self._index = Index(dim, distance, engine=search, store=store)
            current.close()
        self._embedding_output = embedding_output

    def _index_to_arrays(self) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        """Return all of the index, and what belongs to it, as arrays and JSON settings."""
        return self._existing_index("save_index").to_arrays()

    def _take_index(self, arrays: dict[str, Any], settings: dict[str, Any]) -> None:
        """Take over what `_index_to_arrays` returned."""
        self._use_index(Index.from_arrays(arrays, settings))

    def _use_index(self, index: Index) -> None:
        if index.dim != self.embedding_size:
            raise ValueError(
                f"the index holds embeddings of {index.dim} numbers: this model's have {self.embedding_size}.\n"
                "  Load it into the model that filled it."
            )
        if self._index is not None:
            self._index.close()
        self._index = index

    def _existing_index(self, caller: str) -> Index:
        if self._index is None:
            raise MissingIndexError(
                f"`{caller}` needs an index, and this model has none.\n"
                "  Call `model.compile(...)`, then `model.index(x, y)` to fill it."
            )
        return self._index

    def _width(self, embedding_output: int | str | None) -> int:
        return self.outputs[_output_position(self, embedding_output)].shape[-1]

    def _output_position(self) -> int:
        return _output_position(self, self._embedding_output)

    def _select(self, outputs: Any, position: int) -> Any:
        return keras.tree.flatten(outputs)[position]


def _output_position(model: Any, chosen: int | str | None) -> int:
    """Return which of the model's outputs is the embedding.

    Raises:
        ValueError: the model has several and none was chosen, or the chosen one does not exist or is not 2-D.
    """
    shapes = [tuple(output.shape) for output in model.outputs]
    names = list(getattr(model, "output_names", []))
    if chosen is None and len(shapes) > 1:
        raise ValueError(
            f"`embedding_output` must say which of the model's {len(shapes)} outputs is the embedding: they are "
            f"{names} with shapes {shapes}.\n  Pass its position or name to `compile`, such as embedding_output=0."
        )
    position = names.index(chosen) if chosen in names else 0 if chosen is None else chosen
    if not isinstance(position, int) or not -len(shapes) <= position < len(shapes):
        raise ValueError(
            f"`embedding_output` must be a position or a name of an output: got {chosen!r}, and the outputs are "
            f"{names}.\n  Pass one of them."
        )
    if len(shapes[position]) != 2 or shapes[position][1] is None:
        raise ValueError(
            f"an embedding is one row per example, shape (n, d): the model's output has shape {shapes[position]}.\n"
            "  End the model in `MetricEmbedding(d)`, after `Flatten` or a pooling layer where there are more axes."
        )
    return position


def _first(x: Any) -> Any:
    """Return one input of possibly several, to see what kind of thing it is."""
    if isinstance(x, dict):
        return next(iter(x.values()), ())
    return x[0] if isinstance(x, tuple) and x else x
