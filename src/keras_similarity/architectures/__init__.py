"""Ready-made encoders: images, texts, tables, sounds; and any Keras model as one."""

from keras_similarity.architectures.audio import AudioSim
from keras_similarity.architectures.from_backbone import from_backbone
from keras_similarity.architectures.frozen_backbone import FrozenBackbone
from keras_similarity.architectures.image_preprocessing import ImagePreprocessing
from keras_similarity.architectures.imagenet import EfficientNetSim, ResNet50Sim
from keras_similarity.architectures.log_mel import LogMel
from keras_similarity.architectures.raw_inputs import RawSimilarityModel
from keras_similarity.architectures.resnet18 import ResNet18Sim
from keras_similarity.architectures.table import TableNormalization, TabularSim
from keras_similarity.architectures.text import TextSim, TokenPooling
from keras_similarity.architectures.tokenizer import Tokenizer

__all__ = [
    "AudioSim",
    "EfficientNetSim",
    "FrozenBackbone",
    "ImagePreprocessing",
    "LogMel",
    "RawSimilarityModel",
    "ResNet18Sim",
    "ResNet50Sim",
    "TableNormalization",
    "TabularSim",
    "TextSim",
    "TokenPooling",
    "Tokenizer",
    "from_backbone",
]
