"""Trains on one device, then on four: prints by how much the two differ, as JSON."""

import json
import sys

import keras

from distributed_training import LOSSES, compiled, difference, fitted

distribution = keras.distribution
devices = distribution.list_devices()
assert len(devices) == 4


def layouts(mesh):
    table = distribution.LayoutMap(mesh)
    table["dense.*kernel"] = (None, "model")
    return table


mesh = distribution.DeviceMesh((2, 2), ["batch", "model"], devices)
plans = {
    "DataParallel": lambda: distribution.DataParallel(devices=devices),
    "ModelParallel": lambda: distribution.ModelParallel(layout_map=layouts(mesh), batch_dim_name="batch"),
}
found = {}
for kind in LOSSES:
    distribution.set_distribution(None)
    alone = fitted(compiled(kind))
    for name, plan in plans.items():
        if name == "ModelParallel" and kind not in ("multi_similarity", "memory"):
            continue  # compiling is most of the time
        distribution.set_distribution(plan())
        model = compiled(kind)
        spread = len(model.layers[1].kernel.value.sharding.device_set)
        found[f"{name} {kind}"] = difference(alone, fitted(model))
        found[f"{name} {kind} devices"] = spread
json.dump(found, sys.stdout)
