"""Layers that end an encoder in an embedding, and heads that train it."""

from keras_similarity.layers.generalized_mean import GeneralizedMeanPooling1D, GeneralizedMeanPooling2D
from keras_similarity.layers.heads import (
    AdaFace,
    ArcFace,
    ClassHead,
    CosFace,
    CurricularFace,
    HeadLoss,
    NormalizedSoftmax,
    ProxyAnchor,
    ProxyNCA,
    SoftTriple,
    SubCenterArcFace,
    drop_heads,
)
from keras_similarity.layers.l2_normalize import L2Normalize
from keras_similarity.layers.learned_temperature import LearnedTemperature
from keras_similarity.layers.metric_embedding import MetricEmbedding
from keras_similarity.layers.prediction_head import PredictionHead
from keras_similarity.layers.projection_head import ProjectionHead

__all__ = [
    "AdaFace",
    "ArcFace",
    "ClassHead",
    "CosFace",
    "CurricularFace",
    "GeneralizedMeanPooling1D",
    "GeneralizedMeanPooling2D",
    "HeadLoss",
    "L2Normalize",
    "LearnedTemperature",
    "MetricEmbedding",
    "NormalizedSoftmax",
    "PredictionHead",
    "ProjectionHead",
    "ProxyAnchor",
    "ProxyNCA",
    "SoftTriple",
    "SubCenterArcFace",
    "drop_heads",
]
