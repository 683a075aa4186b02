"""The settings under which a class of pytorch-metric-learning 2.9 is the same as an oracle: one `Row` each."""

import numpy as np
from pytorch_metric_learning import losses

from . import margins, miners, pairs, pml_head_rows, rankings, similarities, softmaxes, triplets
from . import pml_tools as pml
from .pml_tools import BY_HAND, COSINE, DOTS, EUCLIDEAN, MEAN, PER_ANCHOR, SQUARED, Row


def rows():
    """Return every row of the table."""
    return [
        *_distances(),
        *_triplets(),
        *_margins(),
        *_boundaries(),
        *_similarities(),
        *_softmaxes(),
        *_rest(),
        *pml_head_rows.rows(),
        *_miners(),
    ]


def _row(name, peer, reducer, oracle, loss, **settings):
    """Make a row of an oracle that takes (labels, embeddings) and a PML loss, made anew for each batch."""
    return Row(
        name,
        peer,
        reducer,
        lambda b: oracle(b.labels, b.rows),
        lambda b: pml.per_anchor(loss(), b, reducer=reducer, **settings),
    )


def _distances():
    for name, peer, distance, sign, offset in (
        ("cosine", "1 − CosineSimilarity", COSINE, -1, 1),
        ("euclidean", "LpDistance(normalize_embeddings=False)", EUCLIDEAN, 1, 0),
        ("squared_euclidean", "LpDistance(power=2, normalize_embeddings=False)", SQUARED, 1, 0),
        ("manhattan", "LpDistance(p=1, normalize_embeddings=False)", pml.MANHATTAN, 1, 0),
        ("inner_product", "−DotProductSimilarity(normalize_embeddings=False)", DOTS, -1, 0),
        ("snr", "SNRDistance(normalize_embeddings=False)", pml.SNR, 1, 0),
    ):
        yield Row(
            f"distance {name}",
            peer,
            "–",
            lambda b, name=name: pairs.distance_matrix(name, b.rows),
            lambda b, d=distance, s=sign, o=offset: o + s * d(b.tensors[0]).numpy(),
        )


def _triplets():
    for p in ("easy", "hard", "all"):
        for n in ("hard", "semi-hard", "easy", "all"):
            if (p, n) != ("all", "semi-hard"):  # which PML does not allow
                yield _triplet_row("euclidean", EUCLIDEAN, p, n, None, False)
    for p, n in (("hard", "semi-hard"), ("all", "all")):
        for margin, swap in ((0.1, False), (None, False), (0.1, True), (None, True)):
            yield _triplet_row("cosine", COSINE, p, n, margin, swap)
    yield Row(
        "pn hard/semi-hard cosine",
        "TripletMarginLoss(margin=0.1, swap=True) + EasyHard(hard, semihard)",
        BY_HAND,
        lambda b: triplets.pn(b.labels, b.rows),
        _triplet_row("cosine", COSINE, "hard", "semi-hard", 0.1, True).value,
    )


def _triplet_row(distance, peer, p, n, margin, swap):
    def value(batch):
        smooth = margin is None
        loss = losses.TripletMarginLoss(margin=0 if smooth else margin, swap=swap, smooth_loss=smooth, distance=peer)
        return pml.per_anchor(loss, batch, pml.mined_by(peer, p, n)(batch))

    settings = ("margin=0, smooth_loss=True" if margin is None else f"margin={margin}") + (
        ", swap=True" if swap else ""
    )
    return Row(
        f"triplet {p}/{n} {distance}" + (" soft" if margin is None else "") + (" swap" if swap else ""),
        f"TripletMarginLoss({settings}) + EasyHard({p}, {n.replace('-', '')})",
        BY_HAND,
        lambda b: triplets.triplet(b.labels, b.rows, distance, p, n, margin, swap),
        value,
    )


def _margins():
    raw = {"distance": EUCLIDEAN}
    yield _row(
        "contrastive",
        "ContrastiveLoss(0, 1), raw Lp",
        PER_ANCHOR,
        margins.contrastive,
        lambda: losses.ContrastiveLoss(**raw),
    )
    yield _row(
        "contrastive margins .3/2.5",
        "ContrastiveLoss(.3, 2.5), raw Lp",
        PER_ANCHOR,
        lambda y, x: margins.contrastive(y, x, positive_margin=0.3, negative_margin=2.5),
        lambda: losses.ContrastiveLoss(0.3, 2.5, **raw),
    )
    yield _row(
        "lifted_structure",
        "GeneralizedLiftedStructureLoss(), raw Lp",
        MEAN,
        margins.lifted_structure,
        lambda: losses.GeneralizedLiftedStructureLoss(**raw),
    )
    yield _row(
        "lifted_structure_original",
        "LiftedStructureLoss(), raw Lp",
        BY_HAND,
        margins.lifted_structure_original,
        lambda: losses.LiftedStructureLoss(**raw),
    )


def _boundaries():
    yield Row(
        "margin, uniform weights",
        "MarginLoss() on the triplets of one anchor at a time",
        "DivisorReducer",
        lambda b: margins.margin(b.labels, b.rows, weights=pml.uniform_weights(b)),
        lambda b: pml.margin_of_anchor(b, pml.all_triplets(b)),
    )
    yield Row(
        "margin, every pair once",
        "MarginLoss() on zipped (p, n) of one anchor at a time, |P| = |N|",
        "DivisorReducer",
        lambda b: margins.margin(*pml.four_and_lone(b)[:2]),
        lambda b: pml.margin_of_anchor(pml.four_and_lone(b), pml.zipped_triplets()),
    )
    yield _row(
        "ranked_list (plain)",
        "RankedListLoss(margin=.4, Tn=10): off by b·1e-5 in denominators",
        MEAN,
        margins.ranked_list,
        lambda: losses.RankedListLoss(margin=0.4, Tn=10),
    )
    for settings in ({"margin": 0.4, "Tn": 10.0, "Tp": 0.0}, {"margin": 0.6, "Tn": 3.0, "Tp": 2.0}):
        yield Row(
            f"ranked_list Tp={settings['Tp']:g}",
            f"RankedListLoss(margin={settings['margin']}, Tn={settings['Tn']:g}), parts rescaled",
            MEAN,
            lambda b, s=settings: margins.ranked_list(b.labels, b.rows, **s),
            lambda b, s=settings: pml.ranked_list_rescaled(b, **s),
        )


def _similarities():
    for epsilon in (0.1, None):
        yield Row(
            f"multi_similarity ε={epsilon}",
            "MultiSimilarityLoss(2, 40, .5)" + (" + MultiSimilarityMiner(.1)" if epsilon else ""),
            MEAN,
            lambda b, e=epsilon: similarities.multi_similarity(b.labels, b.rows, epsilon=e),
            lambda b, e=epsilon: pml.multi_similarity(b, e),
        )
    yield Row(
        "multi_similarity euclidean",
        "MultiSimilarityLoss(2, 40, base=center−λ, raw Lp) + miner, raw Lp",
        MEAN,
        lambda b: similarities.multi_similarity(b.labels, b.rows, "euclidean", center=2.0, lmda=0.3),
        lambda b: pml.multi_similarity(b, 0.1, EUCLIDEAN, 1.7),
    )
    yield _row("circle", "CircleLoss(), its soft_plus exact", MEAN, similarities.circle, pml.circle_loss)
    yield Row("n_pairs, one pair a class", "NPairsLoss(raw dot)", MEAN, pml.n_pairs_oracle, pml.n_pairs_value)
    yield _row(
        "n_pairs",
        "NTXentLoss(temperature=1, raw dot)",
        PER_ANCHOR,
        similarities.n_pairs,
        lambda: losses.NTXentLoss(temperature=1, distance=DOTS),
    )
    yield _row(
        "angular, raw rows",
        "AngularLoss(40): negatives not normalised",
        BY_HAND,
        similarities.angular,
        losses.AngularLoss,
    )
    yield _row(
        "angular", "AngularLoss(40) on unit rows", BY_HAND, similarities.angular, losses.AngularLoss, unit_rows=True
    )
    yield _row("tuplet_margin", "TupletMarginLoss()", BY_HAND, similarities.tuplet_margin, losses.TupletMarginLoss)


def _softmaxes():
    yield _row(
        "soft_nearest_neighbor T=3",
        "NCALoss(softmax_scale=1/3), raw squared Lp",
        MEAN,
        lambda y, x: softmaxes.soft_nearest_neighbor(y, x, temperature=3.0),
        lambda: losses.NCALoss(softmax_scale=1 / 3, distance=SQUARED),
    )
    yield _row("nca", "NCALoss(), raw squared Lp", MEAN, softmaxes.nca, lambda: losses.NCALoss(distance=SQUARED))
    yield _row("supcon", "SupConLoss(.1)", MEAN, softmaxes.supcon, losses.SupConLoss)
    yield _row("nt_xent", "NTXentLoss(.07)", PER_ANCHOR, softmaxes.nt_xent, losses.NTXentLoss)
    for symmetric, masked in ((False, False), (True, False), (False, True), (True, True)):
        name = "info_nce" + (" symmetric" if symmetric else "") + (" labels" if masked else "")
        peer = "NTXentLoss(.07)(queries, ref_emb=keys, explicit pairs)" + (", both ways / 2" if symmetric else "")
        yield Row(
            name,
            peer,
            MEAN,
            lambda b, s=symmetric, m=masked: pml.info_nce_oracle(b, s, m),
            lambda b, s=symmetric, m=masked: pml.info_nce_value(b, s, m),
        )


def _rest():
    yield _row("fast_ap", "FastAPLoss(10)", MEAN, rankings.fast_ap, losses.FastAPLoss)
    yield _row(
        "fast_ap 7 bins", "FastAPLoss(7)", MEAN, lambda y, x: rankings.fast_ap(y, x, 7), lambda: losses.FastAPLoss(7)
    )
    # PML groups adjacent rows by the number of classes, not by their size: right only where the two are equal.
    for name, ours, theirs, with_anchor in (
        ("smooth_ap with_anchor", (3, 3), (3, 3), True),
        ("smooth_ap with_anchor, 4 × 3", (4, 3), (4, 3), True),
        ("smooth_ap with_anchor, 3 × 4", (3, 4), (4, 3), True),
        ("smooth_ap", (3, 3), (3, 3), False),
    ):
        yield Row(
            name,
            f"SmoothAPLoss(.01) on {theirs[0]} adjacent classes of {theirs[1]}",
            MEAN,
            lambda b, c=ours, a=with_anchor: rankings.smooth_ap(*pml.adjacent(b, *c)[:2], with_anchor=a),
            lambda b, c=theirs: pml.per_anchor(losses.SmoothAPLoss(), pml.adjacent(b, *c)),
        )


def _miners():
    yield Row(
        "multi_similarity_mask",
        "MultiSimilarityMiner(.1)",
        "–",
        lambda b: np.array(miners.multi_similarity_mask(b.labels, b.rows), dtype=float),
        pml.pair_mask,
    )
    for name, oracle, p, n in (
        ("batch_hard", miners.batch_hard, "hard", "hard"),
        ("semi_hard", miners.semi_hard, "hard", "semi-hard"),
        ("easy_positive", miners.easy_positive, "easy", "semi-hard"),
    ):
        yield Row(
            name,
            f"BatchEasyHardMiner({p}, {n.replace('-', '')}), raw Lp",
            "–",
            lambda b, f=oracle: np.array(f(b.labels, b.rows), dtype=float),
            lambda b, p=p, n=n: pml.choice(b, p, n),
        )
    yield Row(
        "distance_weighted",
        "DistanceWeightedMiner(.5, 1.4), its weights caught",
        "–",
        lambda b: miners.distance_weighted(b.labels, b.rows, nonzero_loss_cutoff=1.4),
        pml.captured_weights,
    )
