"""A short training whose every number can be compared: on one device, and on several."""

import keras
import numpy as np

import keras_similarity as ks
from keras_similarity import losses
from keras_similarity.layers import AdaFace, ArcFace, CurricularFace, MetricEmbedding, PredictionHead, ProjectionHead

STEPS = 20
ROWS = 16
HEADS = {"arcface": ArcFace, "adaface": AdaFace, "curricularface": CurricularFace}
# On two views of each row, and without labels.
VIEWS = ("simclr", "simsiam", "barlow", "vicreg")
LOSSES = ("multi_similarity", "memory", "sum", *HEADS, *VIEWS)
NORMALIZED = "normalized"  # has statistics of the batch inside the network, where a backend has them of all replicas
# A batch from which a loss takes its gradient in one pass, in chunks: rows and steps.
BIG = {"big": (2048, 3)}


@keras.saving.register_keras_serializable(package="tests")
class InOnePass(losses.MultiSimilarityLoss):
    """Counts how often it was traced or run on that way."""

    passes = 0

    def _in_one_pass(self, *arguments):
        InOnePass.passes += 1
        return super()._in_one_pass(*arguments)


class OfOneReplica(keras.losses.Loss):
    """What Keras does with a loss that does not gather: each replica compares its own rows."""

    def __init__(self):
        super().__init__(reduction="sum_over_batch_size")
        self.loss = losses.MultiSimilarityLoss()

    def call(self, y_true, y_pred):
        return self.loss.call(y_true, y_pred)


def batches(kind=None):
    """Return rows `(steps · rows, 8)` and their classes, in batches of four classes."""
    rows, steps = BIG.get(kind, (ROWS, STEPS))
    rng = np.random.default_rng(4)
    classes = np.concatenate(
        [np.repeat(rng.permutation(6)[:4], rows // 4)[rng.permutation(rows)] for _ in range(steps)]
    )
    centers = rng.normal(size=(6, 8))
    return (centers[classes] + rng.normal(size=(len(classes), 8))).astype("float32"), classes.astype("int32")


def others(rows):
    """What the second view of each row has more than the first."""
    return np.random.default_rng(7).normal(size=rows.shape).astype("float32") / 4


def new_model(kind):
    """Return a model and its loss, with the same weights in every call."""
    keras.utils.set_random_seed(3)
    inputs = keras.Input((8,))
    hidden = keras.layers.Dense(16, activation="tanh")(inputs)
    if kind == NORMALIZED:
        hidden = keras.layers.BatchNormalization(synchronized=keras.backend.backend() == "tensorflow")(hidden)
    embedding = MetricEmbedding(8, normalize=kind != "adaface")(hidden)
    head = HEADS.get(kind)
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
        NORMALIZED: losses.MultiSimilarityLoss,
        # TensorFlow forgets how many rows it gathered, so it is told to take chunks.
        "big": lambda: InOnePass(chunk_size=256 if keras.backend.backend() == "tensorflow" else None),
    }[kind]()
    return ks.SimilarityModel(inputs, embedding), loss


def new_model_of_views(algorithm):
    """Return a model that is trained on views, with heads that normalise nothing over the batch, and its loss."""
    keras.utils.set_random_seed(3)
    inputs = keras.Input((8,))
    backbone = keras.Model(inputs, keras.layers.Dense(16, activation="tanh")(inputs))
    projector = ProjectionHead(8, num_layers=2, batch_norm=False, output_batch_norm=False)
    predictor = PredictionHead(8, 8, batch_norm=False) if algorithm == "simsiam" else None
    # VICReg's own weights, 25 times these, make steps so long that the last bits of the first decide on the last.
    loss = losses.VICRegLoss(1.0, 1.0, 0.04) if algorithm == "vicreg" else None
    return ks.models.ContrastiveModel(backbone, projector, predictor, algorithm), loss


def compiled(kind):
    model, loss = (new_model_of_views if kind in VIEWS else new_model)(kind)
    model.compile(keras.optimizers.SGD(0.05, momentum=0.9), loss=loss, metrics=[ks.metrics.DistanceGap()])
    return model


class EachStep(keras.callbacks.Callback):
    """The logs after each step: the means so far."""

    def __init__(self):
        super().__init__()
        self.logs = []

    def on_train_batch_end(self, batch, logs=None):
        self.logs.append({name: float(value) for name, value in logs.items()})


def fitted(model, kind=None):
    """Train, and return the logs of each step and the weights after the last, of the model and of what it owns."""
    seen = EachStep()
    x, y = batches(kind)
    data = {"x": (x, x + others(x))} if kind in VIEWS else {"x": x, "y": y}
    model.fit(**data, batch_size=BIG.get(kind, (ROWS,))[0], shuffle=False, verbose=0, callbacks=[seen])
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


def rows_of_replicas():
    """Rows of two replicas, `(2, 3, 4)`: what each gathers in a test by hand."""
    return np.random.default_rng(5).normal(size=(2, 3, 4)).astype("float32")


def codes_of_replicas():
    """Their classes, which float32 cannot tell apart."""
    return (2**24 + np.arange(6).reshape(2, 3)).astype("int32")


def factors_of_replicas():
    """What each replica multiplies all rows by, `(2, 6, 4)`: the gradients it has of them."""
    return np.random.default_rng(6).normal(size=(2, 6, 4)).astype("float32")
