"""What is trained, how long and with what: one recipe a row of the report."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Recipe:
    """How one encoder is trained.

    Args:
        network, dim: The encoder, of `encoders.NETWORKS`, and the width of its embedding; "none" for the pixels.
        loss: Of `training.LOSSES`; "none" for no training.
        classes, per_class: The shape of a batch.
        rate, falling: Adam's learning rate, and whether it falls to 0 along half a cosine, after a short rise.
        turns: Whether each quarter turn of a class is a further class.
        stages: (steps, side of the images), one after another; scored at the last side.
        affine: Whether each drawing is turned, stretched, slanted and moved a little at random.
        families: How many alphabets the classes of a batch are of; 0 for any.
        framed: Whether each drawing is moved and scaled to fill its image, in training and in tests.
        memory: Past embeddings that a batch is compared with, too; 0 for none.
    """

    network: str = "conv4"
    dim: int = 64
    loss: str = "multi_similarity, all pairs"
    classes: int = 32
    per_class: int = 4
    rate: float = 1e-3
    falling: bool = False
    turns: bool = False
    stages: tuple[tuple[int, int], ...] = ((1500, 28),)
    affine: bool = False
    families: int = 0
    framed: bool = False
    memory: int = 0

    @property
    def side(self):
        """The side of the images that the encoder is scored on: that of the last stage."""
        return self.stages[-1][1]


# Other kinds of data, each a module beside this one with `task()`.
SETS = ("fashion", "vehicles", "silhouettes", "sentences")

# What training is compared with.
UNTRAINED = {
    "raw pixels": Recipe(network="none", dim=28 * 28, loss="none"),
    "raw pixels, framed": Recipe(network="none", dim=28 * 28, loss="none", framed=True),
    "untrained": Recipe(loss="none"),
}

# What is said in docs/quality.md; "anchor" is what the others are compared with.
RECIPES = {
    "anchor": Recipe(),
    "anchor, mined pairs": Recipe(loss="multi_similarity, mined"),
    "small first": Recipe(turns=True, falling=True, rate=3e-3, affine=True, stages=((2400, 20), (1700, 28))),
    "framed": Recipe(framed=True),
    "framed, small first": Recipe(
        turns=True, falling=True, rate=3e-3, affine=True, framed=True, stages=((1800, 20), (1400, 28))
    ),
    "framed, small first, wider": Recipe(
        network="conv4, wider",
        dim=256,
        turns=True,
        falling=True,
        rate=3e-3,
        affine=True,
        framed=True,
        stages=((2400, 20), (800, 28)),
    ),
}

# Ideas beside each other, one seed each: 600 steps on images of 20 pixels.
_BRIEF = {
    "loss": "multi_similarity, mined",
    "turns": True,
    "falling": True,
    "rate": 3e-3,
    "stages": ((600, 20),),
}
SHORT = {
    "short": Recipe(**_BRIEF),
    "short, all pairs": Recipe(**_BRIEF | {"loss": "multi_similarity, all pairs"}),
    "short, affine": Recipe(**_BRIEF, affine=True),
    "short, four alphabets": Recipe(**_BRIEF, families=4),
    "short, framed": Recipe(**_BRIEF | {"loss": "multi_similarity, all pairs"}, framed=True),
    "short, past batches": Recipe(**_BRIEF, memory=2048),
}

# One loss beside another, each as it comes.
OF_LOSSES = (
    "angular",
    "circle",
    "contrastive",
    "fast_ap",
    "lifted_struct",
    "multi_similarity, mined",
    "n_pairs",
    "recall_at_k",
    "smooth_ap",
    "soft_nearest_neighbor",
    "supcon",
    "triplet",
    "tuplet_margin",
)
BY_LOSS = {f"loss: {name}": Recipe(**_BRIEF | {"loss": name}, framed=True) for name in OF_LOSSES}
