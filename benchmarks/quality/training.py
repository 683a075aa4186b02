"""One recipe, trained: the journey of the library, and the CPU time of it."""

import time

import keras
import numpy as np
from quality import omniglot
from quality.affine import affine
from quality.encoders import NETWORKS

import keras_similarity as ks

MEMORY_WARMUP = 150  # steps before past batches are used
RISE = 0.1  # of the steps, in which the learning rate rises

LOSSES = {
    # pytorch-metric-learning's defaults: no mining, which leaves out pairs that are already apart.
    "multi_similarity, all pairs": lambda: ks.losses.MultiSimilarityLoss(beta=50.0, epsilon=None),
    "multi_similarity, mined": ks.losses.MultiSimilarityLoss,
    # The others as they come.
    "angular": ks.losses.AngularLoss,
    "circle": ks.losses.CircleLoss,
    "contrastive": ks.losses.ContrastiveLoss,
    "fast_ap": ks.losses.FastAPLoss,
    "lifted_struct": ks.losses.LiftedStructLoss,
    "n_pairs": ks.losses.NPairsLoss,
    "recall_at_k": ks.losses.RecallAtKLoss,
    "smooth_ap": ks.losses.SmoothAPLoss,
    "soft_nearest_neighbor": ks.losses.SoftNearestNeighborLoss,
    "supcon": ks.losses.SupConLoss,
    "triplet": ks.losses.TripletLoss,
    "tuplet_margin": ks.losses.TupletMarginLoss,
}

# Layers with a weight row for each class.
HEADS = {
    "arcface": lambda classes: ks.layers.ArcFace(classes, scale=16.0),
    "normalized_softmax": ks.layers.NormalizedSoftmax,
    "proxy_anchor": ks.layers.ProxyAnchor,
}


def build(recipe, classes):
    """A model compiled with the recipe's loss, for so many classes."""
    keras.config.set_dtype_policy(recipe.precision)
    inputs, outputs = NETWORKS[recipe.network](recipe.dim)
    if recipe.algorithm:
        features = keras.Model(inputs, outputs).layers[-2].output
        model, loss = ks.models.ContrastiveModel(keras.Model(inputs, features), algorithm=recipe.algorithm), None
    elif recipe.loss in HEADS:
        head = HEADS[recipe.loss](classes)
        model, loss = ks.SimilarityModel(inputs, head(outputs)), head.loss()
    else:
        model, loss = ks.SimilarityModel(inputs, outputs), LOSSES[recipe.loss]()
    if recipe.memory:
        loss = ks.losses.CrossBatchMemory(loss, recipe.memory, warmup_steps=MEMORY_WARMUP)
    # XLA makes convolutions of TensorFlow slower on a CPU: 225 ms of a step of the anchor instead of 123.
    compiled = False if keras.backend.backend() == "tensorflow" else "auto"
    model.compile(keras.optimizers.Adam(_rate(recipe)), loss=loss, jit_compile=compiled)
    return model


def train(recipe, seed):
    """A trained model, and the CPU seconds from its first layer to its last step, compilation included."""
    images, labels = omniglot.load(background=True)
    alphabets = omniglot.alphabets()[labels]
    if recipe.turns:
        alphabets = omniglot.with_quarter_turns(images[:0], alphabets)[1]
        images, labels = omniglot.with_quarter_turns(images, labels)
    families = {"families": alphabets, "families_per_batch": recipe.families} if recipe.families else {}
    keras.utils.set_random_seed(seed)
    started = time.process_time()
    model = build(recipe, len(np.unique(labels)))
    for number, (steps, side) in enumerate(recipe.stages):
        sized = omniglot.at_side(images, side, fill=recipe.framed)
        common = {"steps_per_epoch": steps, "seed": 1000 * number + seed}
        if recipe.algorithm:
            sampler = ks.samplers.SingleShotMemorySampler(sized, two_views, recipe.classes, 1, **common)
        else:
            common |= {"augmenter": affine if recipe.affine else None, **families}
            sampler = ks.samplers.MultiShotMemorySampler(sized, labels, recipe.classes, recipe.per_class, **common)
        model.fit(sampler, verbose=0)
    return model, time.process_time() - started


def two_views(images, seed):
    """Each drawing as two other hands would have drawn it."""
    return affine(images, 2 * seed), affine(images, 2 * seed + 1)


def _rate(recipe):
    if not recipe.falling:
        return recipe.rate
    steps = sum(steps for steps, _ in recipe.stages)
    rise = round(RISE * steps)
    return keras.optimizers.schedules.CosineDecay(
        0.1 * recipe.rate, steps - rise, warmup_target=recipe.rate, warmup_steps=rise
    )
