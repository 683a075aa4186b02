"""Tables: normalised columns and what a missing value is."""

import keras
import numpy as np
import pandas
import pytest

from keras_similarity.architectures import TableNormalization, TabularSim
from keras_similarity.losses import TripletLoss
from keras_similarity.samplers import MultiShotMemorySampler

NAN = np.nan
TABLE = np.array([[1.0, 200.0, 7.0], [3.0, NAN, 7.0], [5.0, 600.0, 7.0], [7.0, 700.0, 7.0]])


def numpy_of(tensor):
    return keras.ops.convert_to_numpy(tensor)


@pytest.mark.parametrize("missing", ["mean", "indicator"])
def test_columns_have_mean_0_and_deviation_1_over_what_is_there(missing):
    layer = TableNormalization.adapted(TABLE, missing=missing)
    rows = numpy_of(layer(layer.prepare(TABLE)))
    first, second = TABLE[:, 0], TABLE[[0, 2, 3], 1]
    np.testing.assert_allclose(rows[:, 0], (first - first.mean()) / first.std(), rtol=1e-6)
    np.testing.assert_allclose(rows[[0, 2, 3], 1], (second - second.mean()) / second.std(), rtol=1e-6)
    assert rows[1, 1] == 0
    assert (rows[:, 2] == 0).all()
    assert rows.shape == ((4, 6) if missing == "indicator" else (4, 3))
    if missing == "indicator":
        assert np.array_equal(rows[:, 3:], np.isnan(TABLE))


def test_a_column_missing_in_a_query_alone__is_the_mean():
    model = TabularSim(TABLE, 4, missing="mean")
    known = [[3.0, 500.0, 7.0]]
    np.testing.assert_allclose(model.embed([[3.0, NAN, 7.0]]), model.embed(known), rtol=1e-6)
    np.testing.assert_allclose(model.embed([[3.0, None, 7.0]]), model.embed(known), rtol=1e-6)


def test_prepared_rows_are_finite_and_prepare_to_themselves():
    layer = TableNormalization.adapted(TABLE, missing="mean")
    rows = layer.prepare(TABLE)
    assert np.isfinite(rows).all()
    assert np.array_equal(layer.prepare(rows), rows)


@pytest.mark.parametrize("missing", ["error", "indicator"])
def test_index_lookup_and_file_take_rows_as_they_are(missing, tmp_path):
    table = TABLE if missing == "indicator" else np.nan_to_num(TABLE)
    model = TabularSim(table, 4, hidden_units=(64,), missing=missing)
    model.compile()
    model.index(table, y=list("abcd"))
    assert model.lookup(table, k=1).labels.ravel().tolist() == list("abcd")
    assert model.single_lookup(table[1], k=1)[0].label == "b"
    model.save(tmp_path / "table.keras")
    # The optimizer of a model that has not trained is not what this is about.
    again = keras.saving.load_model(tmp_path / "table.keras", compile=False)
    assert np.array_equal(again.embed(table), model.embed(table))


@pytest.mark.slow
def test_trains_on_prepared_rows_of_a_sampler():
    model = TabularSim(TABLE, 4, hidden_units=(64,), missing="mean")
    model.compile("adam", loss=TripletLoss())
    sampler = MultiShotMemorySampler(
        np.repeat(model.prepare(TABLE), 2, axis=0), np.repeat(np.arange(4), 2), 2, 2, seed=0
    )
    assert np.isfinite(model.fit(sampler, verbose=0).history["loss"]).all()


def test_a_data_frame_is_a_table():
    frame = pandas.DataFrame(TABLE, columns=["length", "weight", "wheels"])
    model = TabularSim(frame, 4, missing="mean")
    assert np.array_equal(model.embed(frame), model.embed(TABLE))


@pytest.mark.parametrize(
    ("table", "error", "message"),
    [
        (TABLE, ValueError, r"missing values: row 1, column 1 is NaN \(1 in all\)"),
        ([[1.0, NAN], [2.0, NAN]], ValueError, r"missing values: row 0, column 1"),
        ([[1.0, np.inf]], ValueError, "row 0 holds inf"),
        ([["red", 1.0]], TypeError, "a table needs numbers"),
        ([1.0, 2.0], ValueError, r"a table needs shape \(n, c\): got \(2,\)"),
        (np.empty((0, 3)), ValueError, r"needs rows and columns: got shape \(0, 3\)"),
    ],
)
def test_a_table_that_is_none__is_named(table, error, message):
    with pytest.raises(error, match=message):
        TabularSim(table)


def test_a_column_without_values_and_other_columns_than_in_training__are_named():
    with pytest.raises(ValueError, match=r"column 1 has none \(1 such columns\)"):
        TabularSim([[1.0, NAN], [2.0, NAN]], missing="mean")
    with pytest.raises(ValueError, match=r"`x` needs 3 columns, as the model was made for: got shape \(1, 2\)"):
        TabularSim(TABLE, missing="mean").embed([[1.0, 2.0]])
    with pytest.raises(ValueError, match="`missing` must be one of 'error', 'indicator', 'mean': got 'drop'"):
        TabularSim(TABLE, missing="drop")
    with pytest.raises(ValueError, match="`mean` and `deviation` need one number per column"):
        TableNormalization([1.0, 2.0], [1.0])


@pytest.mark.parametrize("count", [10, 1000, 100_001])
@pytest.mark.parametrize("value", [0.1, 0.3, -7e-9, 1.7e9, 0.0])
def test_column_of_one_value__has_deviation_1(count, value):
    layer = TableNormalization.adapted(np.full((count, 1), value))
    assert layer.deviation.tolist() == [1.0]
    assert layer.mean.tolist() == [value]
    found = numpy_of(layer(layer.prepare([[value], [value + 0.5]])))[:, 0]
    assert found[0] == 0
    assert abs(found[1]) < 1000


def test_column_that_differs_by_rounding_alone__is_of_one_value():
    column = np.array([[0.3], [0.1 + 0.2], [0.3]])
    assert TableNormalization.adapted(column).deviation.tolist() == [1.0]


def test_column_that_float32_cannot_tell_apart__is_an_error(rng):
    times = 1.7e9 + 40 * rng.normal(size=(500, 1))
    table = np.hstack([rng.normal(size=(500, 1)), times])
    with pytest.raises(ValueError, match=r"column 1 has mean 1\.7e\+09 .*\(1 such columns\)\.\n  Subtract an offset"):
        TabularSim(table)
    layer = TableNormalization.adapted(times - 1.7e9)
    expected = (times - times.mean()) / times.std()
    np.testing.assert_allclose(numpy_of(layer(layer.prepare(times - 1.7e9))), expected, atol=1e-5)
    TableNormalization.adapted(2000 + rng.normal(size=(500, 1)))  # years are no such case
