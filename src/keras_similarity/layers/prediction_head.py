"""The head by which one view's projection predicts another's."""

from typing import Any

import keras

from keras_similarity.core.checks import check_whole
from keras_similarity.layers.mlp_head import MLPHead

__all__ = ["PredictionHead"]


@keras.saving.register_keras_serializable(package="keras_similarity")
class PredictionHead(MLPHead):
    """A perceptron with one narrow hidden layer, from a projection to the prediction of another view's (SimSiam, BYOL).

    Without it, and without a gradient stopped on the other side, those methods collapse. Watch for that with
    `metrics.ActivationStd` on its output.

    Definition:
        dense → batch normalisation → activation, then dense with a bias. The first dense layer has none.

    Args:
        units: Width of the output, ≥ 1: that of the projection.
        hidden_units: Width of the hidden layer, ≥ 1; None for a quarter of `units`, as in SimSiam.
        activation: Of the hidden layer.
        batch_norm: Whether the hidden layer is normalised over the batch.
        inner: From a saved head; leave it out.
        **kwargs: `name`, `dtype` and `trainable`.

    Raises:
        ValueError: a number that is not whole, or below 1.

    Input shape `(b, features)`, output shape `(b, units)`, float32 under any precision policy.

    Example:
        >>> head = PredictionHead(8)
        >>> tuple(head(np.ones((4, 8), "float32")).shape), head.hidden_units
        ((4, 8), 2)

    References:
        Chen and He, Exploring Simple Siamese Representation Learning, 2020, arXiv:2011.10566, section 3; Grill et al.,
        Bootstrap Your Own Latent, 2020, arXiv:2006.07733, section 3.
    """

    def __init__(
        self,
        units: int,
        hidden_units: int | None = None,
        *,
        activation: Any = "relu",
        batch_norm: bool = True,
        inner: list[dict[str, Any]] | None = None,
        **kwargs: Any,
    ) -> None:
        self.units = check_whole(units, name="units", minimum=1)
        narrow = max(1, self.units // 4) if hidden_units is None else hidden_units
        self.hidden_units = check_whole(narrow, name="hidden_units", minimum=1)
        self.batch_norm = batch_norm
        super().__init__(
            [self.hidden_units, self.units],
            activation=activation,
            batch_norm=batch_norm,
            output_batch_norm=False,
            inner=inner,
            **kwargs,
        )

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` needs."""
        keys = ("units", "hidden_units", "batch_norm")
        return {**super().get_config(), **{key: getattr(self, key) for key in keys}}
