"""What the frozen part of a model returns, computed once a row, so that the rest trains in a fraction of the time."""

import os
import zipfile
import zlib
from collections.abc import Callable
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from keras_similarity.core.checks import check_whole
from keras_similarity.core.rows import as_rows
from keras_similarity.core.whole_file import whole_file
from keras_similarity.embed.encode import encode
from keras_similarity.embed.fingerprint import model_fingerprint

__all__ = ["FrozenCache"]

KEY_BYTES = 16
Augmenter = Callable[..., NDArray[Any]]


class FrozenCache:
    """Splits a model behind its last frozen layer, and keeps what the frozen part returns for each row.

    `head` is the part that trains, a model of the same class on the features. Its layers are the model's own: when it
    has trained, `model` has, and embeds, indexes and saves as one.

    Args:
        model: A functional model of one input, each layer behind the other, whose first layers are frozen:
            `from_backbone(…, trainable="frozen")`.
        path: A file to keep the features in; what is there is read, and `save` writes it. None for memory alone.

    Raises:
        ValueError: a model of another kind, without a frozen part or without one that trains; a file that another
            backbone wrote.

    Rows are known by their content (BLAKE2b of shape, type and bytes). Memory: the features, and 16 bytes a row.
    What is frozen must stay so: after training it, make a new cache.

    Example:
        >>> import keras
        >>> from keras_similarity import SimilarityModel
        >>> inputs = keras.Input((4,))
        >>> frozen = keras.layers.Dense(3, trainable=False)(inputs)
        >>> cache = FrozenCache(SimilarityModel(inputs, keras.layers.Dense(2)(frozen)))
        >>> features = cache.features(np.eye(4, dtype="float32"))
        >>> features.shape, len(cache), cache.head.embed(features).shape
        ((4, 3), 4, (4, 2))
    """

    def __init__(self, model: Any, *, path: str | os.PathLike[str] | None = None) -> None:
        self.model = model
        self.frozen, self.head = _split(model)
        self.path = None if path is None else Path(path)
        width = self.frozen.outputs[0].shape[1:]
        self._features: NDArray[np.float32] = np.empty((0, *width), np.float32)
        self._positions: dict[bytes, int] = {}
        if self.path is not None and self.path.exists():
            self._read(self.path)

    def __len__(self) -> int:
        return len(self._positions)

    def features(self, x: Any) -> NDArray[np.float32]:
        """Return what the frozen part makes of each row, `(n, …)` float32; only rows not seen before are computed.

        Raises:
            ValueError: NaN or infinity in x.
        """
        rows = as_rows(x, name="x")
        keys = [_key(row) for row in rows]
        return self._looked_up(keys, lambda missing: rows[missing])

    def views(self, x: Any, augmenter: Augmenter, count: int, *, seed: int = 0) -> NDArray[np.float32]:
        """Return features of `count` random views of each row, `(n, count, …)` float32, each computed once.

        A view depends on its row, the seed and its number alone, so more views of more rows leave these as they are.

        Args:
            x: Rows.
            augmenter: Called as `augmenter(rows, seed=…)`, such as `augment.SimCLRAugmenter`; returns rows of one view.
            count: Views of each row, ≥ 1.
            seed: Of the views. Another augmenter needs another seed, or another cache.

        Raises:
            ValueError: NaN or infinity in x, or `count` below 1.
        """
        rows = as_rows(x, name="x")
        count = check_whole(count, name="count", minimum=1)
        numbers = [(row, view) for row in range(len(rows)) for view in range(count)]
        keys = [_key(rows[row], f"view {view} of seed {seed}") for row, view in numbers]

        def augmented(missing: list[int]) -> NDArray[Any]:
            # One by one: in a batch, a row's draws would depend on which others are missing.
            parts = (augmenter(rows[numbers[at][0]][None], seed=zlib.crc32(keys[at])) for at in missing)
            return np.concatenate([np.asarray(part) for part in parts])

        features = self._looked_up(keys, augmented)
        return features.reshape(len(rows), count, *features.shape[1:])

    def save(self) -> None:
        """Write the features to `path`, whole or not at all, in place of what was there.

        Raises:
            FileNotFoundError: the path's folder is not there.
            ValueError: the cache was made without a path.
        """
        if self.path is None:
            raise ValueError("`save()` needs a path.\n  Make the cache with FrozenCache(model, path=…).")
        keys = np.frombuffer(b"".join(self._positions), np.uint8).reshape(-1, KEY_BYTES)
        frozen = np.frombuffer(model_fingerprint(self.frozen), np.uint8)
        with whole_file(self.path) as written, written.open("wb") as file:  # a name would be given NumPy's ending
            np.savez(file, keys=keys, features=self._features, frozen=frozen)

    def _looked_up(self, keys: list[bytes], rows_at: Callable[[list[int]], NDArray[Any]]) -> NDArray[np.float32]:
        """Return features in the order of the keys, after computing those of keys not seen before."""
        first: dict[bytes, int] = {}
        for at, key in enumerate(keys):
            if key not in self._positions:
                first.setdefault(key, at)
        if first:
            computed = encode(self.frozen.predict_on_batch, rows_at(list(first.values())))
            start = len(self._features)
            self._features = np.concatenate([self._features, computed])
            self._positions |= {key: start + number for number, key in enumerate(first)}
        return self._features[[self._positions[key] for key in keys]]

    def _read(self, path: Path) -> None:
        try:
            with path.open("rb") as stream, np.load(stream) as file:
                keys, features, frozen = file["keys"], file["features"], file["frozen"]
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
            raise ValueError(f"{path} is no cache of features: {error}.\n  Delete it, or pass another path.") from error
        if frozen.tobytes() != model_fingerprint(self.frozen):
            raise ValueError(
                f"{path} holds what another backbone returned, or this one before it was trained.\n"
                "  Delete it, or pass another path."
            )
        self._features = features
        self._positions = {key.tobytes(): number for number, key in enumerate(keys)}


def _key(row: NDArray[Any], what: str = "") -> bytes:
    head = f"{what}|{row.dtype.str}|{row.shape}".encode()
    return blake2b(np.ascontiguousarray(row).tobytes(), digest_size=KEY_BYTES, key=blake2b(head).digest()).digest()


def _split(model: Any) -> tuple[Any, Any]:
    """Return a model of the frozen layers, and one of those behind them, both of the model's own layers."""
    import keras

    inputs, calls = _chain(model)
    trains = [number for number, (layer, _, _) in enumerate(calls) if layer.trainable_weights]
    if not trains:
        raise ValueError(
            "the model has nothing left to train: all its layers are frozen.\n  Give it an embedding or a head."
        )
    first = trains[0]
    if not any(layer.weights for layer, _, _ in calls[:first]):
        raise ValueError(
            f"the model has no frozen part: its layer {calls[first][0].name!r} trains, and none before it has "
            "weights.\n  Build it with from_backbone(…, trainable='frozen')."
        )
    tensor = calls[first - 1][2]
    hidden = features = keras.Input(tensor.shape[1:], name="features")
    for layer, options, _ in calls[first:]:
        hidden = layer(hidden, **options)
    return keras.Model(inputs, tensor, name="frozen"), type(model)(features, hidden, name="head")


def _chain(model: Any) -> tuple[Any, list[tuple[Any, dict[str, Any], Any]]]:
    """Return the model's input, and each call of its graph: layer, options and output, one behind the other."""
    import keras

    calls: list[tuple[Any, dict[str, Any], Any]] = []
    straight = True

    def recorded(layer: Any, *args: Any, **options: Any) -> Any:
        nonlocal straight
        straight = straight and len(args) == 1 and (not calls or args[0] is calls[-1][2])
        output = layer(*args, **options)
        calls.append((layer, options, output))
        return output

    try:
        graph = keras.Model(model.input, model.output)  # the same graph, not compiled
        same: Any = keras.models.clone_model(graph, clone_function=lambda layer: layer, call_function=recorded)
        inputs = same.inputs
    except (AttributeError, ValueError, TypeError):
        inputs = []
    if not (straight and calls and len(inputs) == len(model.outputs) == 1):
        raise ValueError(
            "`FrozenCache` needs a functional model of one input whose layers stand one behind the other.\n"
            "  Build it with from_backbone(…, trainable='frozen')."
        )
    return inputs[0], calls
