"""The views of SimCLR, Barlow Twins and SwAV, as in their papers."""

from keras_similarity.augment.augmenter import Augmenter
from keras_similarity.augment.blur import GaussianBlur
from keras_similarity.augment.color import ColorJitter, Grayscale, Solarize
from keras_similarity.augment.geometry import HorizontalFlip, RandomResizedCrop
from keras_similarity.augment.transform import ImageTransform
from keras_similarity.core.checks import check_number, check_whole

__all__ = ["BarlowAugmenter", "MultiCropAugmenter", "SimCLRAugmenter"]


def SimCLRAugmenter(
    height: int | None = None,
    width: int | None = None,
    *,
    views: int = 2,
    color_distort: bool = True,
    jitter_strength: float = 1.0,
    crop: bool = True,
    flip: bool = True,
    blur: bool = True,
    eval_crop_proportion: float = 0.875,
    value_range: tuple[float, float] = (0, 255),
    seed: int | None = None,
) -> Augmenter:
    """Build SimCLR's views: crop, flip, colour jitter, grey, blur.

    Args:
        height, width: Size of the views; None for that of the images.
        views: Number of views of each image, ≥ 1.
        color_distort: Whether colours change: jitter with probability 0.8, grey with 0.2.
        jitter_strength: s ≥ 0: brightness, contrast and saturation 0.8 s, hue 0.2 s. The paper has 1 for ImageNet, 0.5
            for CIFAR.
        crop, flip, blur: Whether these changes are made; the paper leaves blur out for CIFAR.
        eval_crop_proportion: Side of the middle box outside training.
        value_range, seed: See `Augmenter`.

    Raises:
        ValueError: a number out of its range, or one of height and width alone.

    Example:
        >>> augmenter = SimCLRAugmenter(8, 8, views=3, seed=0)
        >>> [view.shape for view in augmenter(np.zeros((2, 16, 16, 3), np.uint8))]
        [(2, 8, 8, 3), (2, 8, 8, 3), (2, 8, 8, 3)]

    References:
        Chen et al., A Simple Framework for Contrastive Learning of Visual Representations, 2020, arXiv:2002.05709,
        appendix A.
    """
    views = check_whole(views, name="views", minimum=1)
    strength = check_number(jitter_strength, name="jitter_strength", hint="1 is the paper's.", at_least=0, at_most=2.5)
    size = _size(height, width)
    changes: list[ImageTransform] = [RandomResizedCrop(size, center=eval_crop_proportion)] if crop else []
    changes += [HorizontalFlip()] if flip else []
    if color_distort:
        even = 0.8 * strength
        changes += [
            ColorJitter(brightness=even, contrast=even, saturation=even, hue=0.2 * strength),
            Grayscale(),
        ]
    changes += [GaussianBlur()] if blur else []
    return Augmenter([changes] * views, value_range=value_range, seed=seed)


def BarlowAugmenter(
    height: int | None = None,
    width: int | None = None,
    *,
    value_range: tuple[float, float] = (0, 255),
    seed: int | None = None,
) -> Augmenter:
    """Build the two unequal views of Barlow Twins and BYOL: the first always blurred, the second at times solarised.

    Args:
        height, width: Size of the views; None for that of the images. (TensorFlow Similarity had the width first.)
        value_range, seed: See `Augmenter`.

    Raises:
        ValueError: a number out of its range, or one of height and width alone.

    Example:
        >>> first, second = BarlowAugmenter(8, 8, seed=0)(np.zeros((2, 16, 16, 3), np.uint8))
        >>> first.shape
        (2, 8, 8, 3)

    References:
        Zbontar et al., Barlow Twins, 2021, arXiv:2103.03230, appendix A; Grill et al., Bootstrap Your Own Latent, 2020,
        arXiv:2006.07733, table 6.
    """
    size = _size(height, width)
    common = [
        RandomResizedCrop(size),
        HorizontalFlip(),
        ColorJitter(brightness=0.4, contrast=0.4, saturation=0.2, hue=0.1),
        Grayscale(),
    ]
    first = [*common, GaussianBlur(probability=1.0)]
    second = [*common, GaussianBlur(probability=0.1), Solarize(probability=0.2)]
    return Augmenter([first, second], value_range=value_range, seed=seed)


def MultiCropAugmenter(
    large: int,
    small: int,
    *,
    num_large: int = 2,
    num_small: int = 6,
    large_scale: tuple[float, float] = (0.14, 1.0),
    small_scale: tuple[float, float] = (0.05, 0.14),
    jitter_strength: float = 1.0,
    value_range: tuple[float, float] = (0, 255),
    seed: int | None = None,
) -> Augmenter:
    """Build SwAV's views: a few large crops, and several small ones that cost little.

    Args:
        large, small: Side of the crops in pixels; 224 and 96 in the paper.
        num_large, num_small: How many of each, ≥ 1 and ≥ 0.
        large_scale, small_scale: Range of their area, as fractions of the image's.
        jitter_strength: See `SimCLRAugmenter`.
        value_range, seed: See `Augmenter`.

    Returns:
        An augmenter of `num_large + num_small` views, the large ones first.

    Raises:
        ValueError: a number out of its range.

    Example:
        >>> views = MultiCropAugmenter(8, 4, num_small=2, seed=0)(np.zeros((2, 16, 16, 3), np.uint8))
        >>> [view.shape[1] for view in views]
        [8, 8, 4, 4]

    References:
        Caron et al., Unsupervised Learning of Visual Features by Contrasting Cluster Assignments, 2020,
        arXiv:2006.09882, section 3.2 and appendix B.
    """
    num_large = check_whole(num_large, name="num_large", minimum=1)
    num_small = check_whole(num_small, name="num_small", minimum=0)
    strength = check_number(jitter_strength, name="jitter_strength", hint="1 is the paper's.", at_least=0, at_most=2.5)
    even = 0.8 * strength
    common = [
        HorizontalFlip(),
        ColorJitter(brightness=even, contrast=even, saturation=even, hue=0.2 * strength),
        Grayscale(),
        GaussianBlur(),
    ]
    large_view = [RandomResizedCrop(large, scale=large_scale), *common]
    small_view = [RandomResizedCrop(small, scale=small_scale), *common]
    return Augmenter([large_view] * num_large + [small_view] * num_small, value_range=value_range, seed=seed)


def _size(height: int | None, width: int | None) -> tuple[int, int] | None:
    if (height is None) != (width is None):
        raise ValueError(
            f"`height` and `width` come together: got {height} and {width}.\n"
            "  Pass both, or neither for the images' own."
        )
    return None if height is None or width is None else (height, width)
