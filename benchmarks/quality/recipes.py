"""What is trained, how long and with what: one recipe a row of the report."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Recipe:
    """How one encoder is trained.

    Args:
        network, dim: The encoder, of `encoders.NETWORKS`, and the width of its embedding.
        loss: Of `training.LOSSES`.
        classes, per_class: The shape of a batch.
        rate, falling: Adam's learning rate, and whether it falls to 0 along half a cosine, after a short rise.
        turns: Whether each quarter turn of a class is a further class.
        stages: (steps, side of the images), one after another.
        least_area: Of a random crop of each image, as a fraction; None for images as they are.
    """

    network: str = "conv4"
    dim: int = 64
    loss: str = "multi_similarity"
    classes: int = 32
    per_class: int = 4
    rate: float = 1e-3
    falling: bool = False
    turns: bool = False
    stages: tuple[tuple[int, int], ...] = ((1500, 28),)
    least_area: float | None = None


# What is said in docs/quality.md; "anchor" is what the others are compared with.
RECIPES = {
    "anchor": Recipe(),
    "small first, SupCon": Recipe(
        turns=True,
        falling=True,
        rate=3e-3,
        least_area=0.7,
        loss="supcon 0.05",
        stages=((2900, 20), (1200, 28)),
    ),
}

# Ideas beside each other, one seed each: 600 steps on images of 20 pixels, scored at the full 28.
_BRIEF = {"turns": True, "falling": True, "rate": 3e-3, "stages": ((600, 20),)}
SHORT = {
    "short": Recipe(**_BRIEF),
    "short, rate 1e-2": Recipe(**_BRIEF | {"rate": 1e-2}),
    "short, crops": Recipe(**_BRIEF, least_area=0.7),
    "short, SupCon 0.05": Recipe(**_BRIEF, loss="supcon 0.05"),
    "short, normalized softmax": Recipe(**_BRIEF, loss="softmax"),
    "short, Proxy Anchor": Recipe(**_BRIEF, loss="proxy_anchor"),
    "short, CosFace": Recipe(**_BRIEF, loss="cosface"),
}
