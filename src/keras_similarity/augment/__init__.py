"""Batches → views of them, at random: layers on every backend, and seeded functions on arrays."""

from keras_similarity.augment.augmenter import Augmenter
from keras_similarity.augment.blur import GaussianBlur
from keras_similarity.augment.color import ColorJitter, Grayscale, Solarize
from keras_similarity.augment.geometry import HorizontalFlip, RandomResizedCrop
from keras_similarity.augment.rand_augment import RandAugment
from keras_similarity.augment.recipes import BarlowAugmenter, MultiCropAugmenter, SimCLRAugmenter
from keras_similarity.augment.transform import ImageTransform

__all__ = [
    "Augmenter",
    "BarlowAugmenter",
    "ColorJitter",
    "GaussianBlur",
    "Grayscale",
    "HorizontalFlip",
    "ImageTransform",
    "MultiCropAugmenter",
    "RandAugment",
    "RandomResizedCrop",
    "SimCLRAugmenter",
    "Solarize",
]
