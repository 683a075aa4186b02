"""Sub-center ArcFace: several weight rows per class, so that mislabelled rows find a place of their own."""

from typing import Any

import keras

from keras_similarity.layers.heads.arcface import ArcFace

__all__ = ["SubCenterArcFace"]


@keras.saving.register_keras_serializable(package="keras_similarity")
class SubCenterArcFace(ArcFace):
    """`ArcFace` on the best of k centres of each class: for noisy labels, or classes of several kinds.

    Mislabelled rows gather at centres of their own, and no longer pull at the others.

    Definition:
        cos θ_c = max over k of cos θ_ck, for every class; then as in `ArcFace`

    Args:
        num_classes: Number of classes c, ≥ 2.
        margin, scale, monotonic: See `ArcFace`.
        centers_per_class: k, ≥ 1; the paper's is 3.
        **kwargs: `initializer`, `regularizer`, `name`, `dtype`; see `ClassHead`.

    Raises:
        ValueError: a number out of its range.

    Cost: O(b c k d) time, one (b, c · k) matrix and a few (b, c).

    Relations: one centre is `ArcFace`. pytorch-metric-learning: `SubCenterArcFaceLoss(margin=degrees(m), scale,
        sub_centers=k)` with `W = class_weights.T`.

    Example:
        >>> head = SubCenterArcFace(num_classes=10)
        >>> embeddings = head(np.eye(4, dtype="float32"))
        >>> tuple(head.class_weights.shape), tuple(head.class_cosines(embeddings).shape)
        ((30, 4), (4, 10))

    References:
        Deng et al., Sub-center ArcFace: Boosting Face Recognition by Large-scale Noisy Web Faces, ECCV 2020, the
        loss of its section 3.
    """

    def __init__(
        self,
        num_classes: int,
        margin: float = 0.5,
        scale: float = 64.0,
        *,
        monotonic: bool = True,
        centers_per_class: int = 3,
        **kwargs: Any,
    ) -> None:
        super().__init__(num_classes, margin, scale, monotonic=monotonic, centers_per_class=centers_per_class, **kwargs)
