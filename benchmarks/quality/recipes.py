"""What is trained, how long and with what: one recipe a row of the report."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Recipe:
    """How one encoder is trained.

    Args:
        network, dim: The encoder, of `encoders.NETWORKS`, and the width of its embedding; "none" for the pixels.
        loss: Of `training.LOSSES` or `training.HEADS`; "none" for no training.
        classes, per_class: The shape of a batch.
        rate, falling: Adam's learning rate, and whether it falls to 0 along half a cosine, after a short rise.
        turns: Whether each quarter turn of a class is a further class.
        stages: (steps, side of the images), one after another; scored at the last side.
        affine: Whether each drawing is turned, stretched, slanted and moved a little at random.
        families: How many alphabets the classes of a batch are of; 0 for any.
        framed: Whether each drawing is moved and scaled to fill its image, in training and in tests.
        memory: Past embeddings that a batch is compared with, too; 0 for none.
        precision: Keras's dtype policy: "mixed_bfloat16" takes four fifths of the time on a CPU that has such numbers.
        looks: Sides of the images whose embeddings are averaged when it is scored; none for `side` alone.
        members: How many such networks are trained, each from a seed of its own, and searched side by side.
        algorithm: Of `ContrastiveModel`, which is trained on two affine views of each drawing and no label; its loss
            then. A batch has `classes` drawings; the features before the embedding are searched.
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
    precision: str = "float32"
    looks: tuple[int, ...] = ()
    members: int = 1
    algorithm: str = ""

    @property
    def side(self):
        """The side of the images that training ends with."""
        return self.stages[-1][1]


# Other kinds of data, each a module beside this one with `task()`.
SETS = ("fashion", "vehicles", "silhouettes", "sentences")

# What training is compared with.
UNTRAINED = {
    "raw pixels": Recipe(network="none", dim=28 * 28, loss="none"),
    "raw pixels, framed": Recipe(network="none", dim=28 * 28, loss="none", framed=True),
    "untrained": Recipe(loss="none"),
}

_SMALL_FIRST = {"turns": True, "falling": True, "rate": 3e-3, "affine": True}

# What docs/quality.md claims, with several seeds; "anchor" is what the others are compared with.
RECIPES = {
    "anchor": Recipe(),
    "framed, small first": Recipe(**_SMALL_FIRST, framed=True, stages=((1800, 20), (1400, 28))),
    "framed, small first, three side by side": Recipe(
        **_SMALL_FIRST, framed=True, members=3, stages=((1700, 20), (1300, 28))
    ),
    "framed, small first, wider and longer": Recipe(
        **_SMALL_FIRST,
        network="conv4, wider",
        dim=256,
        framed=True,
        stages=((2800, 20), (2200, 28)),
        precision="mixed_bfloat16",
        looks=(24, 26, 28, 30, 32),
    ),
}

# What was tried on the way there.
TRIED = {
    "anchor, mined pairs": Recipe(loss="multi_similarity, mined"),
    "anchor, a head": Recipe(loss="arcface"),
    "small first": Recipe(**_SMALL_FIRST, stages=((2400, 20), (1700, 28))),
}

# Ideas beside each other: 600 steps on images of 20 pixels.
_BRIEF = {
    "loss": "multi_similarity, mined",
    "turns": True,
    "falling": True,
    "rate": 3e-3,
    "stages": ((600, 20),),
}
_FRAMED = _BRIEF | {"loss": "multi_similarity, all pairs", "framed": True}
_SMALL = {"loss": "none", "stages": ((0, 20),)}
SHORT = {
    "short, raw pixels": Recipe(**_SMALL, network="none", dim=20 * 20),
    "short, raw pixels, framed": Recipe(**_SMALL, network="none", dim=20 * 20, framed=True),
    "short, untrained": Recipe(**_SMALL),
    "short, untrained, framed": Recipe(**_SMALL, framed=True),
    "short": Recipe(**_BRIEF),
    "short, all pairs": Recipe(**_BRIEF | {"loss": "multi_similarity, all pairs"}),
    "short, affine": Recipe(**_BRIEF, affine=True),
    "short, four alphabets": Recipe(**_BRIEF, families=4),
    "short, past batches": Recipe(**_BRIEF, memory=2048),
    "short, framed": Recipe(**_FRAMED),
    "short, framed, constant rate": Recipe(**_FRAMED | {"falling": False, "rate": 1e-3}),
    "short, framed, average of 2 × 2": Recipe(**_FRAMED | {"network": "conv4, averaged"}),
    "short, framed, GeM of 2 × 2": Recipe(**_FRAMED | {"network": "conv4, GeM"}),
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
OF_HEADS = ("arcface", "normalized_softmax", "proxy_anchor")
BY_LOSS = {
    **{f"loss: {name}": Recipe(**_FRAMED | {"loss": name}) for name in OF_LOSSES},
    **{f"head: {name}": Recipe(**_FRAMED | {"loss": name}) for name in OF_HEADS},
}

# Without a label: two views of each drawing.
UNLABELLED = {
    f"no labels: {algorithm}": Recipe(
        algorithm=algorithm, loss=algorithm, classes=256, falling=True, rate=3e-3, framed=True, stages=((600, 20),)
    )
    for algorithm in ("barlow", "simclr", "simsiam", "vicreg")
}
ALL = UNTRAINED | RECIPES | TRIED | SHORT | BY_LOSS | UNLABELLED
