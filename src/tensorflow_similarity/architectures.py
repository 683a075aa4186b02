"""Architectures under their upstream names."""

from keras_similarity.architectures import EfficientNetSim, ResNet18Sim, ResNet50Sim

__all__ = ["EfficientNetSim", "ResNet18Sim", "ResNet50Sim"]
