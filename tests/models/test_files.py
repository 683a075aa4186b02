import keras
import numpy as np
import pytest

from keras_similarity.errors import ModelFileError
from keras_similarity.models import SimilarityModel, load_model


@pytest.fixture
def saved(tmp_path):
    inputs = keras.Input((4,))
    model = SimilarityModel(inputs, keras.layers.Dense(3)(inputs))
    model.index(np.eye(4), list("abcd"))
    model.save(tmp_path / "m.keras")
    return tmp_path / "m.keras"


def test_load_model__brings_the_index(saved):
    assert load_model(saved).lookup(np.eye(4)[2:3], k=1).labels.tolist() == [["c"]]


@pytest.mark.parametrize("sixteenth", range(16))
def test_load_model__file_cut_anywhere__says_so(saved, sixteenth):
    content = saved.read_bytes()
    saved.write_bytes(content[: len(content) * sixteenth // 16])
    with pytest.raises(ModelFileError, match=r"m.keras is no whole .keras file.*\n  Restore it from a backup"):
        load_model(saved)


def test_load_model__bytes_changed__says_so(saved):
    content = saved.read_bytes()
    refused = 0
    for place in range(0, len(content), len(content) // 40):
        saved.write_bytes(content[:place] + bytes([content[place] ^ 8]) + content[place + 1 :])
        try:
            again = load_model(saved)
        except ModelFileError:
            refused += 1
        else:  # a byte of the archive that no content depends on, such as a date
            assert again.lookup(np.eye(4)[2:3], k=1).labels.tolist() == [["c"]]
    assert refused > 20


def test_load_model__nothing_there__is_file_not_found(tmp_path):
    with pytest.raises(FileNotFoundError, match="no model at"):
        load_model(tmp_path / "m.keras")
