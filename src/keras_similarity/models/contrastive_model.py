"""Training without labels: an encoder learns that views of the same example belong together."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import keras
from keras import ops

from keras_similarity.core.checks import check_choice
from keras_similarity.core.distances import Distance
from keras_similarity.layers import L2Normalize, PredictionHead, ProjectionHead
from keras_similarity.losses import BarlowTwinsLoss, MetricLoss, NTXentLoss, SimSiamLoss, VICRegLoss, ViewLoss
from keras_similarity.models.compiled import Compiled, loss_distance
from keras_similarity.models.view_batches import with_views
from keras_similarity.ops import row_numbers

__all__ = ["ContrastiveModel"]

Tensor = Any
WIDTH = 512  # of a projection, where none is given
NO_VIEWS = (
    "training needs views of each example: got one array of examples.\n"
    "  Pass `fit((first, second))` or batches `(first, second)`; with labels, `((first, second), y)`."
)


class Algorithm(NamedTuple):
    """What an algorithm has by itself; each is given the width of a projection."""

    loss: Callable[[], keras.losses.Loss]
    projector: Callable[[int], keras.layers.Layer]
    predictor: Callable[[int], keras.layers.Layer] | None = None


def _wide_projector(width: int) -> keras.layers.Layer:
    return ProjectionHead(width, num_layers=3, output_batch_norm=False)


ALGORITHMS = {
    "simsiam": Algorithm(SimSiamLoss, lambda width: ProjectionHead(width, num_layers=2), PredictionHead),
    "simclr": Algorithm(lambda: NTXentLoss(temperature=0.1), lambda width: ProjectionHead(width, num_layers=2)),
    "barlow": Algorithm(BarlowTwinsLoss, _wide_projector),
    "vicreg": Algorithm(VICRegLoss, _wide_projector),
}


@keras.saving.register_keras_serializable(package="keras_similarity")
class ContrastiveModel(Compiled, keras.Model):
    """A model with an index, as `SimilarityModel`, that is trained on views of examples instead of labels.

    `fit` takes batches of views: `(first, second)`, or more of them, in a tuple; with labels `((first, second), y)`,
    which a `MetricLoss` and the metrics use. Everything else takes examples, one view each: `model(x)`, `embed`,
    `index`, `lookup`, `calibrate`, and what `export` writes.

    Definition, with z = projector(backbone(view)) and p = predictor(z), the mean over all pairs of views of:
        "simsiam": (L(z, p′) + L(z′, p)) / 2        "barlow", "vicreg": L(z, z′)        "simclr": over all views at once

    Args:
        backbone: A built functional model of one input whose output is `(n, features)`, such as a network that ends in
            a pooling layer.
        projector: A layer or model from features to `(n, p)`; None for the algorithm's `ProjectionHead` of 512.
        predictor: From projections to `(n, p)`; None for a `PredictionHead` with "simsiam", for none with the others.
        algorithm: "simsiam", "simclr", "barlow" (Barlow Twins) or "vicreg": which loss and heads are taken where none
            are given.
        embedding: Which are searched: the "backbone"'s features, which keep more of an example, or the "projector"'s
            output; of norm 1.
        name, **kwargs: As for `keras.Model`.

    Attributes:
        encoder: The functional model from an example to its embedding: what to go on with, such as with labels in a
            `SimilarityModel(encoder.input, encoder.output)`, which shares the weights.

    Raises:
        ValueError: an unknown name, or a backbone of several inputs or another output.

    Example:
        >>> inputs = keras.Input((8,))
        >>> backbone = keras.Model(inputs, keras.layers.Dense(4)(inputs))
        >>> model = ContrastiveModel(backbone, algorithm="vicreg")
        >>> model.compile("adam")
        >>> x = np.random.default_rng(0).normal(size=(16, 8)).astype("float32")
        >>> history = model.fit((x + 0.1, x - 0.1), verbose=0)
        >>> tuple(model.embed(x).shape)
        (16, 4)

    References:
        Those of `SimSiamLoss`, `NTXentLoss` (SimCLR), `BarlowTwinsLoss` and `VICRegLoss`.
    """

    def __init__(
        self,
        backbone: keras.Model,
        projector: keras.layers.Layer | None = None,
        predictor: keras.layers.Layer | None = None,
        algorithm: str = "simsiam",
        *,
        embedding: str = "backbone",
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        check_choice(algorithm, list(ALGORITHMS), name="algorithm")
        check_choice(embedding, ["backbone", "projector"], name="embedding")
        _check_backbone(backbone)
        super().__init__(name=name, **kwargs)
        own = ALGORITHMS[algorithm]
        self.algorithm, self.embedding = algorithm, embedding
        self.backbone, (features,) = backbone, backbone.outputs
        self.projector = own.projector(WIDTH) if projector is None else projector
        projections = self.projector(features)
        self.predictor = predictor
        if predictor is None and own.predictor is not None:
            self.predictor = own.predictor(projections.shape[-1])
        if self.predictor is not None:
            self.predictor(projections)
        searched = features if embedding == "backbone" else projections
        self.encoder = keras.Model(backbone.inputs[0], L2Normalize()(searched), name="encoder")
        self._view_loss: keras.losses.Loss = own.loss()
        self.built = True

    @property
    def inputs(self) -> list[Any]:
        """The inputs of the encoder."""
        return self.encoder.inputs

    @property
    def outputs(self) -> list[Any]:
        """The embedding."""
        return self.encoder.outputs

    def compile(
        self,
        optimizer: Any = "rmsprop",
        loss: ViewLoss | MetricLoss | None = None,
        metrics: Any = None,
        **kwargs: Any,
    ) -> None:
        """Configure training and the index; an index that holds items is kept.

        Args:
            optimizer, **kwargs: See `SimilarityModel.compile`.
            loss: A `ViewLoss`; or a `MetricLoss`, for which views of one example, or of examples of one label where
                there are labels, are of one class. None for the algorithm's.
            metrics: Called with labels, or the examples' numbers where there are none, and the views' embeddings.

        Raises:
            TypeError: another kind of loss.
            ValueError: see `SimilarityModel.compile`.
        """
        chosen = ALGORITHMS[self.algorithm].loss() if loss is None else loss
        if not isinstance(chosen, ViewLoss | MetricLoss) or hasattr(chosen, "state"):
            raise TypeError(
                f"`loss` must compare views: got {type(chosen).__name__}.\n  Pass a ViewLoss such as SimSiamLoss, or a "
                "MetricLoss that remembers nothing, such as NTXentLoss."
            )
        if kwargs.get("distance", "auto") == "auto":  # Keras is given no loss, from which it would be taken
            kwargs["distance"] = loss_distance(chosen) or "auto"
        super().compile(optimizer, None, metrics, **kwargs)
        self._view_loss = chosen

    @property
    def loss_distance(self) -> Distance | None:
        """The distance of the loss that compares views; None where it has none."""
        return loss_distance(self._view_loss)

    def get_compile_config(self) -> dict[str, Any] | None:
        """Return what `compile_from_config` needs to compile a loaded model as this one was."""
        config = super().get_compile_config()
        return config and {**config, "loss": keras.saving.serialize_keras_object(self._view_loss)}

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """Return the embeddings `(n, d)` of examples; of a tuple of views, all that training needs of them.

        For v views a dict: "embeddings" `(n, v, d)`, "projections" `(n, v, p)`, and "predictions" of that shape.
        """
        if not isinstance(inputs, list | tuple):
            return self.encoder(inputs, training=training)
        views = [self._parts_of(view, training) for view in inputs]
        return {part: ops.stack([view[part] for view in views], axis=1) for part in views[0]}

    def _parts_of(self, view: Tensor, training: bool | None) -> dict[str, Tensor]:
        features = self.backbone(view, training=training)
        projections = self.projector(features, training=training)
        searched = features if self.embedding == "backbone" else projections
        parts = {"embeddings": self.encoder.layers[-1](searched), "projections": projections}
        if self.predictor is not None:
            parts["predictions"] = self.predictor(projections, training=training)
        return parts

    def fit(self, x: Any = None, y: Any = None, *args: Any, **kwargs: Any) -> Any:
        """Train; see `keras.Model.fit` for the arguments. x is a tuple of views, or what yields batches of them.

        Raises:
            ValueError: x are examples and y labels: of the same width, they would pass for a second view.
        """
        if y is not None and not isinstance(x, list | tuple | dict):
            raise ValueError(NO_VIEWS)
        return super().fit(x, y, *args, **kwargs)  # type: ignore[misc]

    def train_step(self, *args: Any) -> Any:
        """Train on one batch; Keras calls this."""
        *state, data = args
        return super().train_step(*state, with_views(data, self.inputs[0].shape))

    def test_step(self, *args: Any) -> Any:
        """Evaluate one batch; Keras calls this."""
        *state, data = args
        return super().test_step(*state, with_views(data, self.inputs[0].shape))

    def compute_loss(
        self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None, training: bool = True
    ) -> Tensor:
        """Return the loss of a batch of views, and what its layers add; Keras calls this.

        Raises:
            ValueError: the batch is one of examples, not of views.
        """
        if not isinstance(y_pred, Mapping):
            raise ValueError(NO_VIEWS)
        parts = [self._compared(y, y_pred, sample_weight), *(ops.sum(loss) for loss in self.losses)]
        return ops.sum(ops.stack(parts))

    def _compared(self, y: Any, parts: Mapping[str, Tensor], sample_weight: Any) -> Tensor:
        """The mean loss over the ordered pairs of views, or over all views at once."""
        projections = parts["projections"]
        predictions = parts.get("predictions", projections)
        count = projections.shape[1]
        if isinstance(self._view_loss, MetricLoss):
            weights = None if sample_weight is None else ops.repeat(sample_weight, count)
            return self._view_loss(_labels_of(y, projections), _rows_of(predictions), weights)
        both_ways = self.predictor is not None  # else the losses are the same from either side
        pairs = [(i, j) for i in range(count) for j in range(count) if i < j or (i > j and both_ways)]
        losses = [self._view_loss(projections[:, i], predictions[:, j], sample_weight) for i, j in pairs]
        return ops.mean(ops.stack(losses))

    def compute_metrics(self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None) -> dict[str, Any]:
        """Update the metrics with the views' embeddings, and return all; Keras calls this."""
        if isinstance(y_pred, Mapping):
            views = y_pred["embeddings"]
            y, y_pred = _labels_of(y, views), _rows_of(views)
            sample_weight = None if sample_weight is None else ops.repeat(sample_weight, views.shape[1])
        return super().compute_metrics(x, y, y_pred, sample_weight)

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` needs."""
        parts = {name: getattr(self, name) for name in ("backbone", "projector", "predictor")}
        return {
            **{name: part and keras.saving.serialize_keras_object(part) for name, part in parts.items()},
            "algorithm": self.algorithm,
            "embedding": self.embedding,
            "name": self.name,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> "ContrastiveModel":
        """Return the model of a configuration, its weights new."""
        parts = {
            name: config[name] and keras.saving.deserialize_keras_object(config[name], custom_objects)
            for name in ("backbone", "projector", "predictor")
        }
        return cls(**{**config, **parts})


def _labels_of(y: Any, parts: Tensor) -> Tensor:
    """The label of each view of each example, or the example's number where there are none."""
    labels = row_numbers(parts) if y is None else ops.reshape(y, (-1,))
    return ops.repeat(labels, parts.shape[1])


def _rows_of(parts: Tensor) -> Tensor:
    """`(n, v, d)` as rows `(n·v, d)`."""
    return ops.reshape(parts, (-1, parts.shape[-1]))


def _check_backbone(backbone: Any) -> None:
    outputs = getattr(backbone, "outputs", None) or []
    if len(getattr(backbone, "inputs", None) or []) != 1 or len(outputs) != 1 or len(outputs[0].shape) != 2:
        found = [tuple(output.shape) for output in outputs]
        raise ValueError(
            f"`backbone` must be a functional model of one input and one output (n, features): got "
            f"{type(backbone).__name__} with outputs {found}.\n  End it in a pooling layer, or `Flatten`."
        )
