"""The head that self-supervised training puts between the embedding and its loss."""

from typing import Any

import keras

from keras_similarity.core.checks import check_whole
from keras_similarity.layers.mlp_head import MLPHead

__all__ = ["ProjectionHead"]


@keras.saving.register_keras_serializable(package="keras_similarity")
class ProjectionHead(MLPHead):
    """A perceptron from the embedding to the space in which a self-supervised loss compares.

    The loss works on its output; what is searched is its input, which keeps more of the example. Watch for collapse
    with `metrics.ActivationStd` on its output.

    Definition:
        (dense → batch normalisation → activation) × (num_layers − 1), then dense → batch normalisation without a
        learned scale and shift. A dense layer that is normalised has no bias.

    Args:
        units: Width of the output, ≥ 1.
        hidden_units: Width of the hidden layers, ≥ 1; None for `units`.
        num_layers: Number of dense layers, ≥ 1. SimSiam has 3, SimCLR 2.
        activation: Between the layers.
        batch_norm: Whether hidden layers are normalised over the batch.
        output_batch_norm: Whether the output is; BYOL and Barlow Twins leave it out.
        inner: From a saved head; leave it out.
        **kwargs: `name`, `dtype` and `trainable`.

    Raises:
        ValueError: a number that is not whole, or below 1.

    Input shape `(b, features)`, output shape `(b, units)`, float32 under any precision policy.

    Example:
        >>> head = ProjectionHead(8, hidden_units=16)
        >>> tuple(head(np.ones((4, 5), "float32")).shape)
        (4, 8)

    References:
        Chen and He, Exploring Simple Siamese Representation Learning, 2020, arXiv:2011.10566, section 3; Chen et al.,
        A Simple Framework for Contrastive Learning of Visual Representations, 2020, arXiv:2002.05709, section 4.2.
    """

    def __init__(
        self,
        units: int,
        hidden_units: int | None = None,
        *,
        num_layers: int = 3,
        activation: Any = "relu",
        batch_norm: bool = True,
        output_batch_norm: bool = True,
        inner: list[dict[str, Any]] | None = None,
        **kwargs: Any,
    ) -> None:
        self.units = check_whole(units, name="units", minimum=1)
        self.hidden_units = check_whole(units if hidden_units is None else hidden_units, name="hidden_units", minimum=1)
        self.num_layers = check_whole(num_layers, name="num_layers", minimum=1)
        self.batch_norm, self.output_batch_norm = batch_norm, output_batch_norm
        super().__init__(
            [self.hidden_units] * (self.num_layers - 1) + [self.units],
            activation=activation,
            batch_norm=batch_norm,
            output_batch_norm=output_batch_norm,
            inner=inner,
            **kwargs,
        )

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` needs."""
        keys = ("units", "hidden_units", "num_layers", "batch_norm", "output_batch_norm")
        return {**super().get_config(), **{key: getattr(self, key) for key in keys}}
