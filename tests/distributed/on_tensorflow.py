"""Trains on one device, then on two under MirroredStrategy: prints by how much the two differ, as JSON."""

import json
import sys

import tensorflow as tf

cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)

from distributed_training import LOSSES, batches, compiled, difference, fitted  # noqa: E402

# One for all trainings: TensorFlow numbers the exchanges of each strategy from the same start, and mixes them up.
strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
assert strategy.num_replicas_in_sync == 2
found = {}
for kind in (*LOSSES, "of one replica"):
    alone = fitted(compiled(kind))
    with strategy.scope():
        model = compiled(kind)
    together = fitted(model)
    found[kind] = difference(alone, together)
# Of the first step, before any weight differs: the loss itself is another one.
found["first loss of one replica"] = abs(alone[0][0]["loss"] - together[0][0]["loss"])

# A last batch that does not divide evenly: 16 rows, then 15.
x, y = (part[:31] for part in batches())
one = compiled("multi_similarity").evaluate(x, y, batch_size=16, verbose=0)
with strategy.scope():
    two = compiled("multi_similarity").evaluate(x, y, batch_size=16, verbose=0)
found["uneven"] = abs(one[0] - two[0])
json.dump(found, sys.stdout)
