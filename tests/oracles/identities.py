"""What oracles owe one another, for those that pytorch-metric-learning has no class for, and the rule of zeros."""

import numpy as np
import torch
from torch.nn import functional

from . import heads, margins, miners, proxies, rankings, similarities, softmaxes, triplets
from .pairs import anchors, cosine_matrix, distance_matrix

TUPLE_LOSSES = (
    triplets.triplet,
    triplets.pn,
    margins.contrastive,
    margins.lifted_structure,
    margins.lifted_structure_original,
    margins.margin,
    margins.ranked_list,
    similarities.multi_similarity,
    similarities.circle,
    similarities.n_pairs,
    similarities.angular,
    similarities.tuplet_margin,
    softmaxes.soft_nearest_neighbor,
    softmaxes.nca,
    softmaxes.supcon,
    softmaxes.nt_xent,
    softmaxes.siglip,
    rankings.fast_ap,
    rankings.smooth_ap,
    rankings.recall_at_k_surrogate,
)


def lines(batch):
    """Yield (name, values, the same values otherwise) of one batch."""
    yield from _tuple_lines(batch.labels, batch.rows)
    yield from _two_set_lines(batch.labels, batch.rows)
    yield from _ranking_lines(batch.labels, batch.rows)
    yield from _head_lines(batch)


def _tuple_lines(labels, x):
    y = np.array(labels)
    same = (y[:, None] == y[None]) & ~np.eye(len(y), dtype=bool)
    yield (
        "soft_nearest_neighbor(T=3) = nca(scale=1/3)",
        softmaxes.soft_nearest_neighbor(labels, x, temperature=3.0),
        softmaxes.nca(labels, x, scale=1 / 3),
    )
    yield (
        "instance_discrimination(positives, τ=.1) = supcon",
        softmaxes.instance_discrimination(same.astype(float), x, 0.1),
        softmaxes.supcon(labels, x),
    )
    targets = np.abs(np.sin(np.arange(len(y) ** 2).reshape(len(y), -1)))
    logits = torch.tensor(cosine_matrix(x) / 0.07).fill_diagonal_(-torch.inf)
    soft = torch.tensor(targets).fill_diagonal_(0)
    yield (
        "instance_discrimination = torch cross_entropy with probabilities",
        softmaxes.instance_discrimination(targets, x),
        functional.cross_entropy(logits.clamp(min=-1e300), soft / soft.sum(1, keepdim=True), reduction="none").numpy(),
    )
    pairs = [i // 2 for i in range(len(y))]
    yield "nt_xent = supcon for classes of two", softmaxes.nt_xent(pairs, x, 0.1), softmaxes.supcon(pairs, x, 0.1)
    yield "pn = triplet(swap)", triplets.pn(labels, x), triplets.triplet(labels, x, swap=True)
    d = distance_matrix("euclidean", x)
    p, n = miners.semi_hard(labels, x)
    easiest = miners.choices(labels, x, "euclidean", "hard", "easy")[1]
    fallback = [n[i] if d[i, n[i]] <= d[i, p[i]] else easiest[i] for i in range(len(y))]
    yield "semi_hard without a farther negative = farthest negative", fallback, easiest
    with_norm = similarities.n_pairs(labels, x, l2_weight=0.5) - 0.5 * (x**2).sum(axis=1)
    yield "n_pairs(l2_weight=.5) − ‖e‖²/2 = n_pairs", with_norm, similarities.n_pairs(labels, x)
    logits = torch.tensor(10 * cosine_matrix(x) - 10)
    terms = -functional.logsigmoid(logits * torch.tensor(np.where(same, 1.0, -1.0)))
    yield "siglip = −Σ torch logsigmoid", softmaxes.siglip(labels, x), terms.fill_diagonal_(0).sum(1).numpy()
    weights, capped = miners.distance_weighted(labels, x), miners.distance_weighted(labels, x, nonzero_loss_cutoff=1.4)
    kept = np.where(capped > 0, weights, 0)
    kept /= np.maximum(kept.sum(axis=1, keepdims=True), 1e-300)
    yield "distance_weighted, renormalised below 1.4, = with nonzero_loss_cutoff", kept, capped


def _two_set_lines(labels, x):
    keys = x[:, ::-1] + 0.5 * x
    s, target = torch.tensor(cosine_matrix(x, keys)), torch.arange(len(x))
    for symmetric in (False, True):
        values = functional.cross_entropy(s / 0.07, target, reduction="none")
        if symmetric:
            values = (values + functional.cross_entropy(s.T / 0.07, target, reduction="none")) / 2
        name = f"info_nce(symmetric={symmetric}) = torch cross_entropy"
        yield name, softmaxes.info_nce(x, keys, symmetric=symmetric), values.numpy()
    z = 2 * torch.eye(len(x)) - 1
    terms = -functional.logsigmoid(z * (10 * s - 10))
    yield "siglip_pairs = −Σ torch logsigmoid", softmaxes.siglip_pairs(x, keys), terms.sum(1).numpy()
    itself = np.log1p(np.exp(-(10 * 1.0 - 10)))
    yield (
        "siglip_pairs(x, x, labels) − its diagonal = siglip",
        softmaxes.siglip_pairs(x, x, labels) - itself,
        softmaxes.siglip(labels, x),
    )


def _ranking_lines(labels, x):
    d = distance_matrix("cosine", x)
    precision, recall = np.zeros(len(x)), np.zeros(len(x))
    for i, positive, negative in anchors(labels):
        order = sorted(positive + negative, key=lambda j, row=d[i]: row[j])
        hits = np.isin(order, positive)
        precision[i] = np.mean((np.cumsum(hits) / np.arange(1, len(hits) + 1))[hits])
        recall[i] = np.mean([hits[:k].sum() / len(positive) for k in (1, 3)])
    yield (
        "smooth_ap at temperature 1e-9 = 1 − AP of the sorted list",
        rankings.smooth_ap(labels, x, 1e-9),
        1 - precision,
    )
    cold = rankings.recall_at_k_surrogate(labels, x, (1.5, 3.5), k_temperature=1e-3, rank_temperature=1e-9)
    yield "recall_at_k_surrogate, cold, k = 1½ and 3½, = 1 − recall at 1 and 3", cold, 1 - recall
    saturated = rankings.recall_at_k_surrogate(labels, x, (len(x),), saturate=True)
    yield (
        "recall_at_k_surrogate(saturate) = plain for k above every class",
        saturated,
        rankings.recall_at_k_surrogate(labels, x, (len(x),)),
    )


def _head_lines(batch):
    y, x, w = batch.labels, batch.rows, batch.weights
    label, cosines = torch.tensor(y), torch.tensor(cosine_matrix(x, w))
    one_hot, theta = functional.one_hot(label, len(w)).bool(), torch.arccos(cosines)
    yield "adaface at z = −1 is arcface", heads.adaface(y, x, w, 1e9, 1.0), heads.arcface(y, x, w, 0.4, monotonic=False)
    yield "adaface at z = 0 is cosface", heads.adaface(y, x, w, 1.0, 1.0, h=0.0), heads.cosface(y, x, w, 0.4)
    norms = torch.tensor(x).norm(dim=1, keepdim=True)
    z = ((norms - norms.mean()) / norms.std() * 0.333).clamp(-1, 1)
    logits = 64 * torch.where(one_hot, torch.cos(theta - 0.4 * z) - 0.4 * z - 0.4, cosines)
    yield (
        "adaface = the same in torch",
        heads.adaface(y, x, w, float(norms.mean()), float(norms.std())),
        functional.cross_entropy(logits, label, reduction="none").numpy(),
    )
    shifted = torch.cos(theta + 0.5)
    hard = cosines > (shifted * one_hot).sum(1, keepdim=True)
    logits = 64 * torch.where(one_hot, shifted, torch.where(hard, cosines * (0.3 + cosines), cosines))
    yield (
        "curricularface(t=.3) = the same in torch",
        heads.curricularface(y, x, w, 0.3, monotonic=False),
        functional.cross_entropy(logits, label, reduction="none").numpy(),
    )
    yield (
        "proxy_nca_pp = normalized_softmax(1/18)",
        proxies.proxy_nca_pp(y, x, w),
        heads.normalized_softmax(y, x, w, 1 / 18),
    )


def zeros():
    """Yield (name, values of a lone item and of a batch of one class, whether the rule of zeros holds)."""
    rng = np.random.default_rng(5)
    x = rng.normal(size=(5, 4))
    for loss in TUPLE_LOSSES:
        lone = loss(["a", "a", ("b", 1), "a", "c"], x)
        alone, one_class, single = lone[[2, 4]], loss(["a"] * 5, x), loss(["a"], x[:1])
        holds = not (alone.any() or one_class.any() or single.any()) and lone[[0, 1, 3]].any()
        yield loss.__name__, f"lone {alone}, one class {one_class[:2]}, single row {single}", holds
