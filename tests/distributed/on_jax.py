"""Trains on one device, then on four: prints by how much the two differ and how weights are split, as JSON."""

import json
import sys

import keras

from distributed_training import BIG, LOSSES, NORMALIZED, InOnePass, compiled, difference, fitted

distribution = keras.distribution
devices = distribution.list_devices()
assert len(devices) == 4


def layouts(mesh):
    table = distribution.LayoutMap(mesh)
    table[".*dense.*kernel"] = (None, "model")
    table[".*class_weights"] = ("model", None)
    return table


def splits(model):
    """What one device holds of the weights that are to be split, after training, and the whole: name -> two shapes."""
    large = {
        weight.path: weight for weight in model.trainable_weights if "dense" in weight.path or "class" in weight.path
    }
    return {
        path: [weight.value.sharding.shard_shape(weight.shape), weight.shape, len(weight.value.sharding.device_set)]
        for path, weight in large.items()
        if len(weight.shape) == 2
    }


mesh = distribution.DeviceMesh((2, 2), ["batch", "model"], devices)
plans = {
    "DataParallel": lambda: distribution.DataParallel(devices=devices),
    "ModelParallel": lambda: distribution.ModelParallel(layout_map=layouts(mesh), batch_dim_name="batch"),
}
found = {name: {"differences": {}, "splits": {}} for name in plans}
for kind in (*LOSSES, NORMALIZED, *BIG):  # passes are counted of the last
    distribution.set_distribution(None)
    alone = fitted(compiled(kind), kind)
    for name, plan in plans.items():
        distribution.set_distribution(plan())
        InOnePass.passes, model = 0, compiled(kind)
        found[name]["differences"][kind] = difference(alone, fitted(model, kind))
        found[name]["splits"][kind] = splits(model)
        found[name]["passes"] = InOnePass.passes
json.dump(found, sys.stdout)
