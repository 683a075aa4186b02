import keras
import numpy as np
import pytest

from keras_similarity import SimilarityModel
from keras_similarity.layers import ArcFace, CosFace, L2Normalize, MetricEmbedding, ProxyAnchor, drop_heads


@pytest.fixture
def x(rng):
    return rng.normal(size=(4, 6)).astype(np.float32)


def names(model):
    return [type(layer).__name__ for layer in model.layers]


def test_a_head_in_the_midst__is_bridged(x):
    inputs = keras.Input((6,))
    raw = ArcFace(3)(MetricEmbedding(5, normalize=False)(inputs))
    model = SimilarityModel(inputs, L2Normalize()(raw), name="mine")
    encoder = drop_heads(model)
    assert names(encoder) == ["InputLayer", "MetricEmbedding", "L2Normalize"]
    assert (type(encoder), encoder.name, encoder.compiled) == (SimilarityModel, "mine", False)
    assert np.array_equal(encoder.predict(x, verbose=0), model.predict(x, verbose=0))


def test_several_outputs_of_one_embedding__become_one(x):
    inputs = keras.Input((6,))
    embedding = MetricEmbedding(5)(inputs)
    encoder = drop_heads(SimilarityModel(inputs, [ArcFace(3)(embedding), embedding, ProxyAnchor(3)(embedding)]))
    assert len(encoder.outputs) == 1
    assert encoder.embed(x).shape == (4, 5)


def test_different_outputs__keep_their_names():
    inputs = {"a": keras.Input((6,), name="a"), "b": keras.Input((6,), name="b")}
    tower = MetricEmbedding(5)
    outputs = {"left": ArcFace(3)(tower(inputs["a"])), "right": CosFace(3)(tower(inputs["b"]))}
    encoder = drop_heads(keras.Model(inputs, outputs))
    assert set(encoder.output) == {"left", "right"}
    assert set(encoder.input) == {"a", "b"}
    assert encoder.layers[-1] is tower


def test_a_model_without_heads__comes_back_whole(x):
    inputs = keras.Input((6,))
    model = SimilarityModel(inputs, MetricEmbedding(5)(inputs))
    assert np.array_equal(drop_heads(model).predict(x, verbose=0), model.predict(x, verbose=0))


def test_a_head_in_an_inner_model__is_named():
    inputs = keras.Input((6,))
    inner = keras.Model(inputs, ArcFace(3, name="deep")(MetricEmbedding(5)(inputs)))
    outer = keras.Model(inputs, inner(inputs))
    with pytest.raises(ValueError, match=r"the heads \['deep'\] are inside a model that is a layer of this one"):
        drop_heads(outer)


def test_a_model_that_is_not_functional__is_named():
    class Free(keras.Model):
        def call(self, inputs):
            return inputs

    with pytest.raises(TypeError, match="needs a functional model, `Model\\(inputs, outputs\\)`: got a Free"):
        drop_heads(Free())
    with pytest.raises(TypeError, match="got a Dense"):
        drop_heads(keras.layers.Dense(3))
