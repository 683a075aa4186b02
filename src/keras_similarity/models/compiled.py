"""`compile` of a model with an index: the loss decides what near means, and the index is kept."""

from typing import Any

import keras

from keras_similarity.core.distances import Distance
from keras_similarity.models.loss_state import OwnsLossState
from keras_similarity.models.one_file import OneFile

__all__ = ["Compiled", "loss_distance"]


class Compiled(OneFile, OwnsLossState):
    """Mixed into a `keras.Model`: training and the index are configured in one call.

    A mixin, since Keras turns a class that was once built as a functional model, and all below it, into functional
    models: what is built otherwise cannot be one of them.
    """

    def compile(
        self,
        optimizer: Any = "rmsprop",
        loss: Any = None,
        metrics: Any = None,
        *,
        distance: str | Distance = "auto",
        search: str = "auto",
        store: str = "memory",
        embedding_output: int | str | None = None,
        **kwargs: Any,
    ) -> None:
        """Configure training and the index; an index that holds items is kept.

        Args:
            optimizer, loss, metrics, **kwargs: As for `keras.Model.compile`.
            distance: What "near" means; "auto" for the loss's own distance, cosine where it has none.
            search: The index's engine; see `Index`.
            store: Where the index lives: "memory", a folder, or a database; see `Index`.
            embedding_output: Position or name of the output that is the embedding, for a model of several.

        Raises:
            ValueError: an output that is no embedding, an unknown name, or a distance, engine or place that differs
                from those of an index that holds items. Nothing is changed then.
            FileExistsError: `store` is a folder with something else in it; the model is compiled, its index as it was.
        """
        if distance == "auto":
            current = None if self._index is None or not len(self._index) else self._index.distance
            distance = loss_distance(loss) or current or "cosine"
        self._check_index(distance, search, store, embedding_output)
        self._own_loss_state(loss)
        self._forward = None  # Keras, too, compiles anew what a layer's settings may have changed
        super().compile(optimizer=optimizer, loss=loss, metrics=metrics, **kwargs)  # type: ignore[misc]
        self._prepare_index(distance, search, store, embedding_output)

    @property
    def loss_distance(self) -> Distance | None:
        """The distance of the loss that the model was compiled with; None where it has none."""
        return loss_distance(getattr(self, "loss", None))

    def get_compile_config(self) -> dict[str, Any] | None:
        """Return what `compile_from_config` needs to compile a loaded model as this one was."""
        config = super().get_compile_config()  # type: ignore[misc]
        if config and self._index is not None:
            config["distance"] = self._index.distance.name
            config["search"] = self._index.engine
            config["embedding_output"] = self._embedding_output
        return config

    def compile_from_config(self, config: dict[str, Any]) -> None:
        """Compile with the configuration of a saved model."""
        self.compile(**keras.saving.deserialize_keras_object(config))
        if self.optimizer is not None and self.built:
            self.optimizer.build(self.trainable_variables)


def loss_distance(loss: Any) -> Distance | None:
    """Return the distance of the first metric loss among one loss, a list or a dict of them."""
    distances = (getattr(part, "distance", None) for part in keras.tree.flatten(loss))
    return next((distance for distance in distances if distance is not None), None)
