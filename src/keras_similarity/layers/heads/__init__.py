"""Heads: layers of trainable class weights at the end of a model, each with its loss. One head a file."""

from keras_similarity.layers.heads.adaface import AdaFace
from keras_similarity.layers.heads.arcface import ArcFace
from keras_similarity.layers.heads.class_head import ClassHead, softmax_losses
from keras_similarity.layers.heads.cosface import CosFace
from keras_similarity.layers.heads.curricularface import CurricularFace
from keras_similarity.layers.heads.drop import drop_heads
from keras_similarity.layers.heads.head_loss import HeadLoss
from keras_similarity.layers.heads.normalized_softmax import NormalizedSoftmax
from keras_similarity.layers.heads.proxy_anchor import ProxyAnchor
from keras_similarity.layers.heads.proxy_nca import ProxyNCA
from keras_similarity.layers.heads.soft_triple import SoftTriple
from keras_similarity.layers.heads.subcenter_arcface import SubCenterArcFace

__all__ = [
    "AdaFace",
    "ArcFace",
    "ClassHead",
    "CosFace",
    "CurricularFace",
    "HeadLoss",
    "NormalizedSoftmax",
    "ProxyAnchor",
    "ProxyNCA",
    "SoftTriple",
    "SubCenterArcFace",
    "drop_heads",
    "softmax_losses",
]
