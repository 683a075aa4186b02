"""What every head with trainable class weights shares: the weights, the cosines to them, and its loss.

A head stands at the end of a model and hands the embedding through, so the model's output stays what an index wants.
Its weights are the layer's, trained and saved like any others; the loss that `loss()` makes reads them there, since
a Keras loss holds no weights of its own.
"""

from typing import Any, Literal

import keras
from keras import ops

from keras_similarity.core.checks import check_whole
from keras_similarity.layers.heads.head_loss import HeadLoss, note_forward_pass
from keras_similarity.ops import as_wide_float, masked_log_sum_exp, unit_rows

__all__ = ["ClassHead", "softmax_losses"]

Tensor = Any


class ClassHead(keras.layers.Layer):
    """A layer of trainable class weights that hands its embedding through; subclasses say what a row costs.

    To write another head, give `row_losses`.

    Args:
        num_classes: Number of classes c, ≥ 2; labels are whole numbers from 0 to c − 1, as samplers hand out.
        centers_per_class: Number of weight rows k of each class, ≥ 1.
        initializer: Of the weights `(c · k, d)`, the k rows of a class beside one another; None for rows of length
            about 1. Only directions count.
        regularizer: Of the weights; None for none.
        **kwargs: `name`, `dtype` and `trainable`, as for `keras.layers.Layer`.

    Raises:
        ValueError: a number out of its range, or an input that is no embedding `(b, d)`.

    Input and output are the embedding `(b, d)`, the same bits in the same precision. All arithmetic is float32 or
    wider under any precision policy. Memory: the weights `(c · k, d)`, and cosines `(b, c · k)` in each step.

    Example:
        >>> class Pull(ClassHead):
        ...     def row_losses(self, cosines, own, rows):
        ...         return 1 - ops.sum(ops.where(own, cosines, 0.0), axis=1)
        >>> head = Pull(2, initializer="identity")  # the classes lie along the axes
        >>> embeddings = head(np.array([[1.0, 0.0], [0.6, 0.8]], "float32"))
        >>> f"{ops.convert_to_numpy(head.loss()([0, 1], embeddings)):.2f}"  # the mean of 0 and 0.2
        '0.10'
    """

    def __init__(
        self,
        num_classes: int,
        *,
        centers_per_class: int = 1,
        initializer: Any = None,
        regularizer: Any = None,
        **kwargs: Any,
    ) -> None:
        # Without autocast the embedding goes through untouched, whatever the precision of the layer.
        super().__init__(autocast=False, **kwargs)
        self.num_classes = check_whole(num_classes, name="num_classes", minimum=2)
        self.centers_per_class = check_whole(centers_per_class, name="centers_per_class", minimum=1)
        self.initializer = keras.initializers.get(initializer or _rows_of_length_1())
        self.regularizer = keras.regularizers.get(regularizer)
        self.in_training = False  # both as of the last call, for the loss that follows it
        self.awaits_loss = False

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create the class weights for embeddings of the input's width."""
        if len(input_shape) != 2 or input_shape[1] is None:
            raise ValueError(
                f"`{type(self).__name__}` needs one embedding per example, shape (b, d): got {tuple(input_shape)}.\n"
                "  Put `MetricEmbedding`, or a pooling layer, before it."
            )
        self.class_weights = self.add_weight(
            name="class_weights",
            shape=(self.num_classes * self.centers_per_class, input_shape[1]),
            initializer=self.initializer,
            regularizer=self.weights_regularizer(),
        )

    def add_statistic(self, name: str) -> Any:
        """Return a number that moves with the batches, 0 at first, and is not trained."""
        return self.add_weight(
            name=name,
            shape=(),
            initializer="zeros",
            trainable=False,
            dtype="float32",  # under any policy: in half precision a moving average stands still
            aggregation="only_first_replica",  # the batch is that of all replicas, so each computes the same
        )

    def call(self, embeddings: Tensor, training: bool | None = None) -> Tensor:
        """Return the embeddings as they are."""
        note_forward_pass(self, training=bool(training))
        return embeddings

    def loss(self, reduction: Literal["mean", "sum", "none"] = "mean", name: str | None = None) -> HeadLoss:
        """Return the loss to compile with; it trains these weights. See `HeadLoss`."""
        return HeadLoss(self, reduction=reduction, name=name)

    def class_cosines(self, embeddings: Tensor) -> Tensor:
        """Return the cosine of each embedding `(b, d)` to each class, `(b, c)`; the largest is the likeliest class."""
        rows = as_wide_float(embeddings)
        weights = ops.cast(ops.convert_to_tensor(self.class_weights), rows.dtype)
        cosines = ops.matmul(unit_rows(rows), ops.transpose(unit_rows(weights)))
        if self.centers_per_class == 1:
            return cosines
        return self.merge_centers(ops.reshape(cosines, (-1, self.num_classes, self.centers_per_class)))

    def weights_regularizer(self) -> Any:
        """Return what regularises the weights `(c · k, d)`, a function of them, or None."""
        return self.regularizer

    def merge_centers(self, cosines: Tensor) -> Tensor:
        """Return one cosine per class `(b, c)` from those to its centres `(b, c, k)`: the largest."""
        return ops.max(cosines, axis=2)

    def batch_losses(self, codes: Tensor, rows: Tensor, weights: Tensor | None = None) -> Tensor:
        """Return what each row contributes, `(b,)`; NaN, without gradient, where its label is no class.

        Args:
            codes: Labels `(b,)`, −1 where one is no class of this head.
            rows: Embeddings `(b, d)`, float32 or wider.
            weights: Sample weights `(b,)`, or None.
        """
        values = self.row_losses(self.class_cosines(rows), self.own_classes(codes), rows)
        values = ops.where(codes >= 0, values, float("nan"))
        return values if weights is None else values * weights

    def row_losses(self, cosines: Tensor, own: Tensor, rows: Tensor) -> Tensor:
        """Return the loss of each row, `(b,)`.

        Args:
            cosines: To each class, `(b, c)`.
            own: Boolean `(b, c)`, true at the row's class; nowhere for a row whose label is no class.
            rows: The embeddings `(b, d)`.
        """
        raise NotImplementedError(f"{type(self).__name__} needs `row_losses`.")

    def own_classes(self, codes: Tensor) -> Tensor:
        """Return which class is each row's own, boolean `(b, c)`."""
        return ops.equal(codes[:, None], ops.arange(self.num_classes, dtype=codes.dtype)[None, :])

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` needs."""
        own = {
            "num_classes": self.num_classes,
            "centers_per_class": self.centers_per_class,
            "initializer": keras.initializers.serialize(self.initializer),
            "regularizer": keras.regularizers.serialize(self.regularizer),
        }
        return {**super().get_config(), **own}


def softmax_losses(logits: Tensor, own: Tensor, own_logits: Tensor, bound: float) -> Tensor:
    """Return the cross-entropy of each row, `(b,)`, when its own class has another logit than the others.

    Args:
        logits: Of every class as one of the others, `(b, c)`.
        own: Which class is the row's own, boolean `(b, c)`.
        own_logits: Of that class, `(b,)`.
        bound: No logit of the others is larger in magnitude.

    Example:
        >>> own = ops.array([[True, False, False]])
        >>> values = softmax_losses(ops.array([[1.0, 2.0, 3.0]]), own, ops.array([1.0]), bound=3.0)
        >>> f"{float(values[0]):.3f}"  # log(exp 1 + exp 2 + exp 3) − 1
        '2.408'
    """
    return ops.softplus(masked_log_sum_exp(logits, ops.logical_not(own), bound) - own_logits)


def _rows_of_length_1() -> keras.initializers.Initializer:
    # The variance of an entry is 1 / d, d the last axis of the weights.
    return keras.initializers.VarianceScaling(1.0, mode="fan_out", distribution="untruncated_normal")
