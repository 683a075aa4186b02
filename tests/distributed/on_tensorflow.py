"""Trains on one device, then on two under MirroredStrategy: prints by how much the two differ, as JSON.

Before that it gathers by hand, and prints what each replica got, and the gradients of its rows.
"""

import json
import sys

import tensorflow as tf

cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)

from distributed_training import (  # noqa: E402
    BIG,
    LOSSES,
    NORMALIZED,
    InOnePass,
    batches,
    codes_of_replicas,
    compiled,
    difference,
    factors_of_replicas,
    fitted,
    rows_of_replicas,
)
from keras_similarity.ops import gather  # noqa: E402

# One for all trainings: TensorFlow numbers the exchanges of each strategy from the same start, and mixes them up.
strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
assert strategy.num_replicas_in_sync == 2


@tf.function
def gathered(x, codes, factors):
    """What a replica gets, and the gradient of its rows where each has factors of its own for all of them."""

    def of_one(x, codes, factors):
        with tf.GradientTape() as tape:
            tape.watch(x)
            rows, all_codes = gather(x, codes)
            loss = tf.reduce_sum(rows * factors)
        return rows, all_codes, tape.gradient(loss, x)

    return strategy.run(of_one, (x, codes, factors))


def per_replica(values):
    return strategy.experimental_distribute_values_from_function(
        lambda context: tf.constant(values[context.replica_id_in_sync_group])
    )


arguments = rows_of_replicas(), codes_of_replicas(), factors_of_replicas()
parts = [strategy.experimental_local_results(part) for part in gathered(*map(per_replica, arguments))]
found = {"gathered": [[value.numpy().tolist() for value in values] for values in zip(*parts, strict=True)]}
found["types"] = [value.dtype.name for value in (parts[0][0], parts[1][0])]

for kind in (*LOSSES, *BIG, NORMALIZED, "of one replica"):
    alone = fitted(compiled(kind), kind)
    InOnePass.passes = 0
    with strategy.scope():
        model = compiled(kind)
    together = fitted(model, kind)
    found[kind] = difference(alone, together)
    if kind in BIG:
        found["passes"] = InOnePass.passes
# Of the first step, before any weight differs: the loss itself is another one.
found["first loss of one replica"] = abs(alone[0][0]["loss"] - together[0][0]["loss"])

# A last batch that does not divide evenly: 16 rows, then 15.
x, y = (part[:31] for part in batches())
one = compiled("multi_similarity").evaluate(x, y, batch_size=16, verbose=0)
with strategy.scope():
    two = compiled("multi_similarity").evaluate(x, y, batch_size=16, verbose=0)
found["uneven"] = abs(one[0] - two[0])
json.dump(found, sys.stdout)
