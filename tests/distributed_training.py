"""A short training whose every number can be compared: on one device, and on several."""

import keras
import numpy as np

import keras_similarity as ks
from keras_similarity import losses
from keras_similarity.layers import AdaFace, ArcFace, MetricEmbedding

STEPS = 20
ROWS = 16
LOSSES = ("multi_similarity", "memory", "sum", "arcface", "adaface")


class OfOneReplica(keras.losses.Loss):
    """What Keras does with a loss that does not gather: each replica compares its own rows."""

    def __init__(self):
        super().__init__(reduction="sum_over_batch_size")
        self.loss = losses.MultiSimilarityLoss()

    def call(self, y_true, y_pred):
        return self.loss.call(y_true, y_pred)


def batches():
    """Return rows `(STEPS · ROWS, 8)` and their classes, in batches of four classes."""
    rng = np.random.default_rng(4)
    classes = np.concatenate([np.repeat(rng.permutation(6)[:4], 4)[rng.permutation(ROWS)] for _ in range(STEPS)])
    centers = rng.normal(size=(6, 8))
    return (centers[classes] + rng.normal(size=(len(classes), 8))).astype("float32"), classes.astype("int32")


def new_model(kind):
    """Return a model and its loss, with the same weights in every call."""
    keras.utils.set_random_seed(3)
    inputs = keras.Input((8,))
    hidden = keras.layers.Dense(16, activation="tanh")(inputs)
    embedding = MetricEmbedding(8, normalize=kind != "adaface")(hidden)
    head = {"arcface": ArcFace, "adaface": AdaFace}.get(kind)
    if head is not None:
        layer = head(6, scale=8.0)
        return ks.SimilarityModel(inputs, layer(embedding)), layer.loss()
    loss = {
        "multi_similarity": losses.MultiSimilarityLoss,
        "memory": lambda: losses.CrossBatchMemory(losses.SupConLoss(), memory_size=40, warmup_steps=2),
        "sum": lambda: losses.WeightedSum(
            {"triplet": losses.TripletLoss(), "circle": losses.CircleLoss()}, weights=[1.0, 0.1]
        ),
        "of one replica": OfOneReplica,
    }[kind]()
    return ks.SimilarityModel(inputs, embedding), loss


def compiled(kind):
    model, loss = new_model(kind)
    model.compile(keras.optimizers.SGD(0.05, momentum=0.9), loss=loss, metrics=[ks.metrics.DistanceGap()])
    return model


class EachStep(keras.callbacks.Callback):
    """The logs after each step: the means so far."""

    def __init__(self):
        super().__init__()
        self.logs = []

    def on_train_batch_end(self, batch, logs=None):
        self.logs.append({name: float(value) for name, value in logs.items()})


def fitted(model):
    """Train, and return the logs of each step and the weights after the last, of the model and of what it owns."""
    seen = EachStep()
    x, y = batches()
    model.fit(x, y, batch_size=ROWS, shuffle=False, verbose=0, callbacks=[seen])
    return seen.logs, [np.asarray(weight) for weight in model.get_weights()]


def difference(one, other):
    """Return by how much two trainings differ at most, in any log of any step and in any weight.

    Of numbers above 1, such as a circle loss, the share: float32 has no more digits.
    """
    (logs, weights), (other_logs, other_weights) = one, other
    assert [sorted(log) for log in logs] == [sorted(log) for log in other_logs]
    assert [weight.shape for weight in weights] == [weight.shape for weight in other_weights]
    pairs = [(log[name], other[name]) for log, other in zip(logs, other_logs, strict=True) for name in log]
    pairs += zip(weights, other_weights, strict=True)
    return max(float((np.abs(a - b) / np.maximum(np.abs(a), 1.0)).max()) for a, b in pairs)
