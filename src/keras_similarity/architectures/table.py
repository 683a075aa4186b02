"""A small encoder of tables of numbers, with columns of any scale and missing values."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import ArrayLike, NDArray

from keras_similarity.architectures.embedding import embedding_layer
from keras_similarity.architectures.raw_inputs import RawInputs, RawSimilarityModel
from keras_similarity.core.checks import as_array, check_choice, check_finite, check_whole

__all__ = ["TableNormalization", "TabularSim"]

Tensor = Any
ABSENT = float(np.finfo(np.float32).min)  # stands for NaN, which neither samplers nor models take
POLICIES = ("error", "indicator", "mean")
DUST = 8 * float(np.finfo(np.float64).eps)  # of its mean: a deviation that rounding makes, of a column of one value
MOST_OFFSET = 1e5  # deviations from 0 to the mean: beyond, float32 keeps less than two digits of a deviation


@keras.saving.register_keras_serializable(package="keras_similarity")
class TableNormalization(RawInputs):
    """Brings each column to mean 0 and deviation 1, and says what a missing value (NaN) is.

    Args:
        mean: Of each column, `(c,)`, over the values that are there; see `adapted`.
        deviation: Of each column, `(c,)`; a column of one value has 1.
        missing: "error" refuses NaN; "mean" puts the column's mean in its place; "indicator" does, and adds a column
            per column that is 1 where the value was missing.
        **kwargs: `name` and `dtype`.

    Raises:
        ValueError: an unknown policy, or mean and deviation of different lengths.

    Input shape `(b, c)`, output shape `(b, c)`, or `(b, 2 c)` with indicators. Computed in float32.

    Example:
        >>> layer = TableNormalization.adapted(np.array([[1.0, 5.0], [3.0, np.nan]]), missing="mean")
        >>> rows = layer.prepare(np.array([[2.0, np.nan], [4.0, 5.0]]))
        >>> keras.ops.convert_to_numpy(layer(rows)).tolist()
        [[0.0, 0.0], [2.0, 0.0]]
    """

    def __init__(self, mean: ArrayLike, deviation: ArrayLike, *, missing: str = "error", **kwargs: Any) -> None:
        super().__init__(autocast=False, **kwargs)
        self.mean, self.deviation = np.asarray(mean, np.float64), np.asarray(deviation, np.float64)
        if self.mean.ndim != 1 or self.mean.shape != self.deviation.shape:
            raise ValueError(
                f"`mean` and `deviation` need one number per column: got shapes {self.mean.shape} and "
                f"{self.deviation.shape}.\n  Use `TableNormalization.adapted(x)`."
            )
        check_choice(missing, POLICIES, name="missing")
        self.missing = missing

    @classmethod
    def adapted(cls, x: Any, *, missing: str = "error", **kwargs: Any) -> "TableNormalization":
        """Return the layer for a table `(n, c)`: the training rows, and no others.

        Raises:
            ValueError: no rows, another shape, an infinity; NaN under "error"; a column without any value; one whose
                values lie so far from 0 for their spread that float32 cannot tell them apart, as times in seconds do.
        """
        check_choice(missing, POLICIES, name="missing")
        rows = _as_table(x)
        if not rows.size:
            raise ValueError(f"`x` needs rows and columns: got shape {rows.shape}.\n  Check where the data come from.")
        if missing == "error":
            _refuse_missing(rows)
        empty = np.isnan(rows).all(axis=0)
        if empty.any():
            raise ValueError(
                f"`x` needs a value in every column: column {int(empty.argmax())} has none ({int(empty.sum())} such "
                "columns).\n  Drop them."
            )
        mean, deviation = np.nanmean(rows, axis=0), np.nanstd(rows, axis=0)
        low, high = np.nanmin(rows, axis=0), np.nanmax(rows, axis=0)
        # The mean of one value many times is not quite that value, and so there seems to be a deviation.
        constant = (low == high) | (deviation <= DUST * np.abs(mean))
        _refuse_far_from_zero(mean, np.where(constant, np.inf, deviation))
        return cls(np.where(constant, low, mean), np.where(constant, 1.0, deviation), missing=missing, **kwargs)

    def prepare(self, x: Any) -> NDArray[np.float32]:
        """Return rows `(n, c)` float32 in which a number of its own stands for NaN.

        Args:
            x: An array or a data frame of numbers; or what this method returned.

        Raises:
            ValueError: another number of columns, an infinity; NaN under "error".
            TypeError: what is no number.
        """
        rows = _as_table(x)
        if rows.shape[1] != len(self.mean):
            raise ValueError(
                f"`x` needs {len(self.mean)} columns, as the model was made for: got shape {rows.shape}.\n"
                "  Pass the same columns in the same order."
            )
        if self.missing == "error":
            _refuse_missing(rows)
        return np.where(np.isnan(rows), ABSENT, rows).astype(np.float32)

    def call(self, inputs: Tensor) -> Tensor:
        """Return columns of mean 0 and deviation 1."""
        rows = ops.cast(inputs, "float32")
        absent = rows <= ABSENT
        mean: Tensor = ops.convert_to_tensor(self.mean.astype(np.float32))
        deviation: Tensor = ops.convert_to_tensor(self.deviation.astype(np.float32))
        filled: Tensor = ops.where(absent, mean, rows)
        scaled = (filled - mean) / deviation
        if self.missing == "indicator":
            scaled = ops.concatenate([scaled, ops.cast(absent, "float32")], axis=-1)
        return ops.cast(scaled, self.compute_dtype)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return `(b, c)`, or `(b, 2 c)` with indicators."""
        return (input_shape[0], len(self.mean) * (2 if self.missing == "indicator" else 1))

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` needs."""
        config = super().get_config()
        config.pop("autocast", None)
        own = {"mean": self.mean.tolist(), "deviation": self.deviation.tolist(), "missing": self.missing}
        return {**config, **own}


def TabularSim(
    x: Any,
    embedding_size: int = 32,
    *,
    hidden_units: Sequence[int] = (64, 64),
    missing: str = "error",
    l2_norm: bool = True,
    name: str = "tabularsim",
) -> RawSimilarityModel:
    """Build a small encoder of rows of numbers: normalised columns, dense layers, an embedding.

    Missing values are NaN. The model's own methods take them as they are; `fit` and samplers take what
    `model.prepare(x)` returns. Columns of words need to become numbers first.

    Args:
        x: The training rows `(n, c)`: an array or a data frame of numbers. Their mean and deviation are kept.
        embedding_size: Width d of the embedding.
        hidden_units: Widths of the dense layers.
        missing: "error", "mean" or "indicator", see `TableNormalization`.
        l2_norm: Whether embeddings have length 1.
        name: The model's name.

    Raises:
        ValueError, TypeError: see `TableNormalization.adapted` and `prepare`.

    Example:
        >>> x = np.array([[1.0, 200.0], [2.0, np.nan], [9.0, 700.0]])
        >>> model = TabularSim(x, 4, missing="indicator")
        >>> model.embed(x).shape
        (3, 4)
    """
    normalization = TableNormalization.adapted(x, missing=missing, name="normalization")
    inputs = keras.Input((len(normalization.mean),), name="rows")
    hidden = normalization(inputs)
    for units in hidden_units:
        units = check_whole(units, name="hidden_units", minimum=1)
        hidden = keras.layers.Dense(units, activation="relu")(hidden)
    return RawSimilarityModel(inputs, embedding_layer(embedding_size, normalize=l2_norm)(hidden), name=name)


def _as_table(x: Any) -> NDArray[np.float64]:
    """Return numbers `(n, c)` in which NaN is a missing value, also where None or `ABSENT` stood."""
    given = as_array(x)
    try:
        rows = given.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise TypeError(
            f"a table needs numbers: got dtype {given.dtype}, {error}.\n"
            "  Turn words into numbers first, such as one column of 0 and 1 per word."
        ) from error
    if rows.ndim != 2:
        raise ValueError(
            f"a table needs shape (n, c): got {rows.shape}.\n  One row is shape (1, c): write `row[None]`."
        )
    rows[rows <= ABSENT] = np.nan
    check_finite(np.where(np.isnan(rows), 0.0, rows), name="x")
    return rows


def _refuse_missing(rows: NDArray[np.float64]) -> None:
    absent = np.isnan(rows)
    if absent.any():
        row, column = (int(number) for number in np.argwhere(absent)[0])
        raise ValueError(
            f"`x` has missing values: row {row}, column {column} is NaN ({int(absent.sum())} in all).\n"
            "  Fill them, drop these rows, or build the model with missing='mean' or 'indicator'."
        )


def _refuse_far_from_zero(mean: NDArray[np.float64], deviation: NDArray[np.float64]) -> None:
    # Rows are float32 before the mean is subtracted: fit, samplers and exported models take them so.
    far = np.abs(mean) > MOST_OFFSET * deviation
    if far.any():
        column = int(far.argmax())
        raise ValueError(
            f"`x` must vary by more than {1 / MOST_OFFSET:.0e} of its mean, as float32 keeps no more: column {column} "
            f"has mean {mean[column]:.6g} and deviation {deviation[column]:.3g} ({int(far.sum())} such columns).\n"
            f"  Subtract an offset first, such as `x[:, {column}] - {mean[column]:.6g}`, here and in later rows."
        )
