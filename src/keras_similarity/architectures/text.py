"""A small encoder of texts: what the words are, not how they stand."""

from collections.abc import Iterable
from typing import Any

import keras
from keras import ops

from keras_similarity.architectures.embedding import embedding_layer
from keras_similarity.architectures.raw_inputs import RawSimilarityModel
from keras_similarity.architectures.tokenizer import Tokenizer
from keras_similarity.core.checks import check_whole

__all__ = ["TextSim", "TokenPooling"]

Tensor = Any


@keras.saving.register_keras_serializable(package="keras_similarity")
class TokenPooling(keras.layers.Layer):
    """Averages the vectors of tokens, each with a weight that is learned; id 0 counts nothing.

    Args:
        num_ids: How many ids there are.
        units: Width of a token's vector, ≥ 1.
        **kwargs: `name`, `dtype` and `trainable`.

    Input shape `(b, length)` of ids, output shape `(b, units)`. All weights are equal at the start.

    Example:
        >>> layer = TokenPooling(5, 3)
        >>> rows = keras.ops.convert_to_numpy(layer(np.array([[2, 4, 0], [4, 2, 0], [0, 0, 0]])))
        >>> bool((rows[0] == rows[1]).all()), rows[2].tolist()
        (True, [0.0, 0.0, 0.0])
    """

    def __init__(self, num_ids: int, units: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.num_ids = check_whole(num_ids, name="num_ids", minimum=1)
        self.units = check_whole(units, name="units", minimum=1)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create a vector and a weight per id."""
        self.vectors = self.add_weight(
            name="vectors", shape=(self.num_ids, self.units), initializer=keras.initializers.RandomNormal(stddev=1.0)
        )
        self.importance = self.add_weight(name="importance", shape=(self.num_ids, 1), initializer="zeros")

    def call(self, inputs: Tensor) -> Tensor:
        """Return rows `(b, units)`."""
        ids = ops.cast(inputs, "int32")
        counts = ops.cast(ids[..., None] != 0, self.compute_dtype)
        # Within (0, 2): a token can be left out, and none can drown all others.
        weights = counts * 2 * ops.sigmoid(ops.take(self.importance, ids, axis=0))
        total = ops.sum(weights * ops.take(self.vectors, ids, axis=0), axis=1)
        return total / ops.maximum(ops.sum(weights, axis=1), keras.config.epsilon())

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return `(b, units)`."""
        return (input_shape[0], self.units)

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` needs."""
        return {**super().get_config(), "num_ids": self.num_ids, "units": self.units}


def TextSim(
    embedding_size: int = 64,
    *,
    vocabulary: Iterable[str] = (),
    buckets: int = 2**14,
    length: int = 64,
    pieces: Iterable[int] = (),
    width: int = 128,
    l2_norm: bool = True,
    name: str = "textsim",
) -> RawSimilarityModel:
    """Build a small text encoder: word ids, a vector per id, their weighted mean, an embedding.

    Texts are turned into ids outside the graph, which on JAX and PyTorch takes no strings. The model's own methods do
    it by themselves; `fit` and samplers take ids, from `model.prepare(texts)`. The order of words does not count: for
    meaning beyond that, put a pretrained language model into `from_backbone`.

    Args:
        embedding_size: Width d of the embedding.
        vocabulary, buckets, length, pieces: How texts become ids, see `Tokenizer`.
        width: Width of a token's vector, ≥ 1.
        l2_norm: Whether embeddings have length 1.
        name: The model's name.

    Raises:
        ValueError: a number below its least. Methods raise what `Tokenizer.prepare` does.

    Cost: (vocabulary + buckets) × width weights, nearly all of them in the table of vectors.

    Example:
        >>> model = TextSim(8, buckets=100)
        >>> model.compile()
        >>> ids = model.index(["a red car", "two cats"], y=["car", "cat"])
        >>> model.single_lookup("a red red car", k=1)[0].label
        'car'

    References:
        Weinberger et al., Feature Hashing for Large Scale Multitask Learning, 2009, arXiv:0902.2206; Bojanowski et al.,
        Enriching Word Vectors with Subword Information, 2016, arXiv:1607.04606 (the pieces).
    """
    tokenizer = Tokenizer(vocabulary, buckets=buckets, length=length, pieces=pieces, name="tokenizer")
    inputs = keras.Input((tokenizer.length,), dtype="int32", name="ids")
    pooled = TokenPooling(tokenizer.num_ids, width, name="pooling")(tokenizer(inputs))
    return RawSimilarityModel(inputs, embedding_layer(embedding_size, normalize=l2_norm)(pooled), name=name)
