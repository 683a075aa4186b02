"""The rows of the heads: the same weights go into the oracle and, in PML's layout, into its parameter."""

import numpy as np
from pytorch_metric_learning import losses

from . import heads, proxies
from . import pml_tools as pml
from .pml_tools import MEAN, Row

DEGREES = np.degrees(0.5)  # 0.5 rad, which PML takes in degrees


def _head(name, peer, oracle, loss, parameter, layout):
    """Make a row of a head; `layout` turns the batch's weights or centres into PML's parameter."""
    return Row(
        name,
        peer,
        MEAN,
        lambda b: oracle(b.labels, b.rows, b.weights),
        lambda b: pml.per_anchor(pml.with_weights(loss(*b.weights.shape), parameter, layout(b)), b, reducer=MEAN),
    )


def rows():
    """Yield a row of each head that PML has."""
    for oracle, peer, loss in (
        (heads.normalized_softmax, "NormalizedSoftmaxLoss(temperature=.05)", losses.NormalizedSoftmaxLoss),
        (heads.arcface, "ArcFaceLoss(margin=degrees(.5))", lambda c, d: losses.ArcFaceLoss(c, d, margin=DEGREES)),
        (heads.cosface, "CosFaceLoss(.35, 64)", losses.CosFaceLoss),
    ):
        yield _head(oracle.__name__, f"{peer}, W = weights.T", oracle, loss, "W", lambda b: b.weights.T)
    yield _head(
        "proxy_nca_pp",
        "ProxyNCALoss(softmax_scale=9)",
        proxies.proxy_nca_pp,
        lambda c, d: losses.ProxyNCALoss(c, d, softmax_scale=9),
        "proxies",
        lambda b: b.weights,
    )
    yield Row(
        "subcenter_arcface",
        "SubCenterArcFaceLoss(k=3), W = centers.reshape(C·k, d).T",
        MEAN,
        lambda b: heads.subcenter_arcface(b.labels, b.rows, b.centers),
        lambda b: pml.per_anchor(pml.subcenter(b, DEGREES), b, reducer=MEAN),
    )
    yield Row(
        "soft_triple",
        "SoftTripleLoss(20, .1, .01), fc = centers.reshape(C·k, d).T",
        MEAN,
        lambda b: proxies.soft_triple(b.labels, b.rows, b.centers),
        lambda b: pml.per_anchor(pml.soft_triple(b), b, reducer=MEAN),
    )
    yield Row(
        "proxy_anchor (scalar)",
        "ProxyAnchorLoss(.1, 32), two classes absent from the batch",
        "DivisorReducer",
        lambda b: proxies.proxy_anchor(b.labels, b.rows, b.weights),
        lambda b: pml.with_weights(losses.ProxyAnchorLoss(*b.weights.shape), "proxies", b.weights)(*b.tensors).item(),
    )
