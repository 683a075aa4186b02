"""Cross-batch memory: a batch is compared with past batches too, for as many negatives as memory holds."""

from typing import Any

import keras
from keras import ops

from keras_similarity.core.checks import check_whole
from keras_similarity.core.labels import LabelVocabulary
from keras_similarity.losses.comparison import Anchors, Comparison
from keras_similarity.losses.metric_loss import MetricLoss
from keras_similarity.losses.queue import EmbeddingQueue
from keras_similarity.ops import as_codes, concrete
from keras_similarity.ops.adapters.gradients import gradients_recorded

__all__ = ["CrossBatchMemory"]

Tensor = Any


@keras.saving.register_keras_serializable(package="keras_similarity")
class CrossBatchMemory(MetricLoss):
    """Any tuple loss, over a batch and a queue of past embeddings (XBM).

    The anchors are the batch's. They are compared with each other, where gradients flow to both sides, and with the
    queue, where they flow to the anchor alone; then the batch enters the queue, whose oldest rows leave. Embeddings
    drift slowly once training has settled, so old ones still make good negatives.

    Compile it in a `SimilarityModel`, which owns the queue: it is saved in the `.keras` file, `evaluate` and
    validation neither read nor fill it, and it works on JAX, where only a model's own variables can change. On torch,
    `torch.no_grad()` says as much, in any model.

    Args:
        loss: A tuple loss; its reduction, miner and distance are used.
        memory_size: Rows the queue keeps, ≥ 1; it may be smaller than a batch.
        warmup_steps: Training steps before it is used: embeddings drift fast at first.
        embedding_size: Width of the embeddings, for a loss that is called by hand; a model gives its own.
        name: Name in logs.

    Raises:
        TypeError: `loss` is no tuple loss, or has such a queue itself.
        ValueError: a size below 1, or warm-up steps below 0; rows of labels.

    Cost: O(b (b + memory_size) d) time a step, memory_size · d floats.

    Relations: TensorFlow Similarity's `XBM`. pytorch-metric-learning's `CrossBatchMemory` compares a batch with the
        queue only, its own rows among it without their gradient.

    Example:
        >>> from keras_similarity.losses import SupConLoss
        >>> loss = CrossBatchMemory(SupConLoss(), memory_size=8, embedding_size=2)
        >>> x = np.array([[1.0, 0.0], [0.0, 1.0]], "float32")
        >>> [f"{float(loss([0, 1], batch)):.3f}" for batch in (x, 0.6 * x + 0.4)]  # one of each class: no pair at first
        ['0.000', '0.091']

    References:
        Wang et al., Cross-Batch Memory for Embedding Learning, 2020, arXiv:1912.06798, algorithm 1.
    """

    def __init__(
        self,
        loss: MetricLoss | dict[str, Any],
        memory_size: int,
        warmup_steps: int = 0,
        *,
        embedding_size: int | None = None,
        name: str | None = "cross_batch_memory",
    ) -> None:
        loss = keras.saving.deserialize_keras_object(loss) if isinstance(loss, dict) else loss
        if not isinstance(loss, MetricLoss) or isinstance(loss, CrossBatchMemory):
            raise TypeError(
                f"`loss` must be a tuple loss, such as TripletLoss(): got {type(loss).__name__}.\n"
                "  A loss with class weights, or a loss of one's own, needs no memory of batches."
            )
        super().__init__(distance=loss.distance, reduction=loss.reducer, name=name)
        self.loss = loss
        self.memory_size = check_whole(memory_size, name="memory_size", minimum=1)
        self.warmup_steps = check_whole(warmup_steps, name="warmup_steps", minimum=0)
        self.state = EmbeddingQueue(self.memory_size, self.warmup_steps, name=f"{name}_queue")
        self.owned = False  # whether a model tracks the queue
        self.training = True
        self._vocabulary = LabelVocabulary()
        if embedding_size is not None:
            self.build(check_whole(embedding_size, name="embedding_size", minimum=1))

    @property
    def parts(self) -> tuple[keras.losses.Loss, ...]:
        """The losses inside."""
        return (self.loss,)

    def build(self, embedding_size: int) -> None:
        """Create the queue; a model that compiles this loss calls it."""
        if not self.state.built:
            self.state.build((None, embedding_size))
            self.state.built = True

    def anchors_of(self, labels: Any, embeddings: Tensor) -> Anchors:
        """Return the anchors of a batch, with the queue among the keys in training."""
        if not ops.is_tensor(labels):
            labels = as_codes(labels, self._vocabulary)  # the same codes in every batch
        anchors = self.loss.anchors_of(labels, embeddings)
        if len(anchors.codes.shape) != 1:
            raise ValueError(
                f"a memory of batches keeps one class a row: got labels of shape {tuple(anchors.codes.shape)}.\n"
                "  Pass one class for each item; several classes an item have no memory."
            )
        self._check_state(anchors)
        if not self._remembers():
            return anchors
        past, past_codes, present = self.state.contents()
        kind = past_codes.dtype
        return anchors._replace(
            keys=ops.concatenate([anchors.keys, ops.cast(past, anchors.keys.dtype)]),
            codes=ops.cast(anchors.codes, kind),
            key_codes=ops.concatenate([ops.cast(anchors.key_codes, kind), past_codes]),
            present=ops.concatenate([ops.ones_like(anchors.codes, dtype="bool"), present]),
        )

    def comparison(self, anchors: Anchors) -> Comparison:
        """Compare anchors with their keys, then let the batch's keys into the queue."""
        result = self.loss.comparison(anchors)
        if self._remembers():
            count = ops.shape(anchors.codes)[0]
            self.state.push(anchors.keys[:count], anchors.key_codes[:count])
        return result

    def reduced(self, anchors: Anchors, comparison: Comparison, sample_weight: Any = None) -> Tensor:
        """Return the loss from what its anchors contribute, as the loss inside does."""
        return self.loss.reduced(anchors, comparison, sample_weight)

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` needs, all of it JSON; the queue itself is saved by the model."""
        return {
            "loss": keras.saving.serialize_keras_object(self.loss),
            "memory_size": self.memory_size,
            "warmup_steps": self.warmup_steps,
            "embedding_size": self.state.embeddings.shape[1] if self.state.built else None,
            "name": self.name,
        }

    def _remembers(self) -> bool:
        return self.training and gradients_recorded()

    def _check_state(self, anchors: Anchors) -> None:
        width = anchors.keys.shape[1]
        traced = concrete(anchors.codes) is None
        if not self.owned and (traced or not self.state.built):
            if traced:
                raise RuntimeError(
                    "a memory of batches needs a model that owns it: this one was compiled in another kind of model.\n"
                    "  Compile it in a `SimilarityModel`."
                )
            self.build(width)
        if self.state.embeddings.shape[1] != width:
            raise ValueError(
                f"the memory holds embeddings of {self.state.embeddings.shape[1]} numbers: got {width}.\n"
                "  Use one `CrossBatchMemory` for each output."
            )
