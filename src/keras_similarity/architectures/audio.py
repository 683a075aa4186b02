"""A small encoder of sounds of a fixed length."""

from collections.abc import Sequence

import keras
from keras import layers

from keras_similarity.architectures.embedding import embedding_layer
from keras_similarity.architectures.log_mel import LogMel
from keras_similarity.core.checks import check_whole
from keras_similarity.models import SimilarityModel

__all__ = ["AudioSim"]


def AudioSim(
    samples: int,
    embedding_size: int = 64,
    *,
    sample_rate: int = 16_000,
    mels: int = 40,
    window: float = 0.025,
    step: float = 0.01,
    filters: Sequence[int] = (16, 32, 64),
    l2_norm: bool = True,
    name: str = "audiosim",
) -> SimilarityModel:
    """Build a small sound encoder: log-mel spectrum, convolutions that halve it, mean over time and pitch, embedding.

    Args:
        samples: Length of a clip in samples; pad shorter ones with zeros, cut longer ones.
        embedding_size: Width d of the embedding.
        sample_rate: Samples a second.
        mels, window, step: See `LogMel`.
        filters: Channels of the convolutions, one each.
        l2_norm: Whether embeddings have length 1.
        name: The model's name.

    Raises:
        ValueError: a number out of its range; clips shorter than a frame.

    Clips are mono `(b, samples)`, of any loudness, integers or floats.

    Example:
        >>> model = AudioSim(4000, 8, sample_rate=8000, filters=(4, 8))
        >>> model.embed(np.sin(np.arange(8000) / 5.0).reshape(2, 4000)).shape
        (2, 8)
    """
    samples = check_whole(samples, name="samples", minimum=1)
    inputs = keras.Input((samples,), name="clips")
    hidden = LogMel(sample_rate, mels=mels, window=window, step=step, name="log_mel")(inputs)
    hidden = layers.Reshape((*hidden.shape[1:], 1))(hidden)
    for channels in filters:
        channels = check_whole(channels, name="filters", minimum=1)
        hidden = layers.Conv2D(channels, 3, strides=2, padding="same", use_bias=False)(hidden)
        hidden = layers.ReLU()(layers.BatchNormalization()(hidden))
    pooled = layers.GlobalAveragePooling2D(name="pooling")(hidden)
    return SimilarityModel(inputs, embedding_layer(embedding_size, normalize=l2_norm)(pooled), name=name)
