"""What losses remember, owned by the model that compiles them: Keras tracks no variable of a loss."""

from collections.abc import Iterator
from typing import Any

import keras

from keras_similarity.core.checks import check_choice
from keras_similarity.losses import CrossBatchMemory

__all__ = ["OwnsLossState"]


class OwnsLossState:
    """Mixed into a `keras.Model`: queues of past batches and logged parts become the model's own layers.

    So they are saved, compiled and reset with it, and a queue rests in `evaluate`.
    """

    _loss_layers: list[keras.layers.Layer] | None = None
    _memories: tuple[CrossBatchMemory, ...] = ()

    def compute_loss(
        self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None, training: bool = True
    ) -> Any:
        """Return the loss of a batch; Keras calls this, and says whether it is one of training."""
        for memory in self._memories:
            memory.training = bool(training)
        return super().compute_loss(x, y, y_pred, sample_weight, training)  # type: ignore[misc]

    def _own_loss_state(self, loss: Any) -> None:
        """Take over the state of a loss, of several, or of losses inside others, in place of what was owned before.

        Raises:
            ValueError: a loss with a memory is named after no output.
        """
        losses = _flat(loss)
        memories = [part for part in losses if isinstance(part, CrossBatchMemory)]
        for memory in memories:
            memory.build(self._width_for(loss, memory))
            memory.owned = True
        self._memories = tuple(memories)
        if self._loss_layers is None:
            self._loss_layers = []
        # Keras goes on tracking what an attribute held before; only a list that it watches lets go of its items.
        self._loss_layers.clear()
        self._loss_layers.extend(part.state for part in losses if isinstance(getattr(part, "state", None), keras.Layer))

    def _width_for(self, loss: Any, memory: CrossBatchMemory) -> int:
        """Width of the output that a loss is for: that of its name or position, or the only one."""
        outputs: list[Any] = self.outputs  # type: ignore[attr-defined]
        names: list[str] = self.output_names  # type: ignore[attr-defined]
        position: Any = 0
        if isinstance(loss, dict):
            position = next(name for name, part in loss.items() if memory in _flat(part))
            check_choice(position, names, name="loss", hint="Name each loss after an output.")
            position = names.index(position)
        elif isinstance(loss, list | tuple) and len(loss) == len(outputs):
            position = next(number for number, part in enumerate(loss) if memory in _flat(part))
        return outputs[position].shape[-1]


def _with_parts(loss: Any) -> Iterator[Any]:
    yield loss
    for part in getattr(loss, "parts", ()):
        yield from _with_parts(part)


def _flat(losses: Any) -> list[Any]:
    """Every loss of a structure of them, those inside others too."""
    return [part for whole in keras.tree.flatten(losses) for part in _with_parts(whole)]
