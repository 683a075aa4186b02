"""Sound → how loud each band of pitch is over time, as a layer on any backend."""

from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from keras_similarity.core.checks import check_number, check_whole

__all__ = ["LogMel", "mel_filters"]

Tensor = Any
BREAK_HERTZ, MELS_PER_DECADE = 700.0, 2595.0
FLOOR = 1e-5  # of the power of a sound whose mean square is 1: what is softer counts as silence
SILENCE = 1e-6  # of the mean square of samples: below, a clip is silence and is not made louder


def mel_filters(bins: int, mels: int, *, sample_rate: float, lowest: float, highest: float) -> NDArray[np.float64]:
    """Return triangular filters `(bins, mels)` of equal width on the mel scale, each of greatest value at most 1.

    Args:
        bins: Frequencies of a spectrum, evenly spaced from 0 to half the sample rate.
        mels: Number of filters.
        sample_rate: Samples a second.
        lowest, highest: Where the first filter begins and the last one ends, in hertz.

    References:
        O'Shaughnessy, Speech Communication, 1987: mel(f) = 2595 log10(1 + f / 700).
    """
    edges = _hertz(np.linspace(_mel(lowest), _mel(highest), mels + 2))
    frequencies = np.linspace(0, sample_rate / 2, bins)[:, None]
    rising = (frequencies - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - frequencies) / (edges[2:] - edges[1:-1])
    return np.maximum(0, np.minimum(rising, falling))


@keras.saving.register_keras_serializable(package="keras_similarity")
class LogMel(keras.layers.Layer):
    """Turns waveforms into the logarithm of their mel spectrum, `(b, samples)` → `(b, frames, mels)`.

    Each clip is first brought to a mean square of 1, so neither its loudness nor the type of its samples counts:
    16-bit integers and the same sound as floats give the same. A row depends on its own clip alone, which
    `keras.layers.MelSpectrogram` does not keep: its softest level is set by the loudest of the batch.

    Args:
        sample_rate: Samples a second.
        mels: Bands of pitch, ≥ 1.
        window: Length of a frame in seconds.
        step: From one frame to the next, in seconds.
        lowest, highest: Limits of the bands in hertz; None for half the sample rate.
        **kwargs: `name` and `dtype`.

    Raises:
        ValueError: a number out of its range; clips shorter than a frame.

    A frame is weighted by a periodic Hann window. Computed in float32 under any precision policy. Silence gives the
    floor, ln 1e-5, everywhere.

    Example:
        >>> layer = LogMel(8000, mels=20)
        >>> tuple(layer(np.sin(np.arange(4000) / 5.0)[None]).shape)
        (1, 48, 20)
    """

    def __init__(
        self,
        sample_rate: int,
        *,
        mels: int = 40,
        window: float = 0.025,
        step: float = 0.01,
        lowest: float = 20.0,
        highest: float | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(autocast=False, **kwargs)
        self.sample_rate = check_whole(sample_rate, name="sample_rate", minimum=1)
        self.mels = check_whole(mels, name="mels", minimum=1)
        hint = "Times are in seconds, frequencies in hertz."
        self.window = check_number(window, name="window", hint=hint, at_least=2 / sample_rate)
        self.step = check_number(step, name="step", hint=hint, at_least=1 / sample_rate)
        nyquist = sample_rate / 2
        self.highest = nyquist if highest is None else highest
        check_number(self.highest, name="highest", hint=hint, above=0, at_most=nyquist)
        self.lowest = check_number(lowest, name="lowest", hint=hint, at_least=0)
        check_number(self.highest, name="highest", hint=hint, above=self.lowest)
        self._frame, self._stride = round(self.window * sample_rate), round(self.step * sample_rate)
        self._points = 1 << (self._frame - 1).bit_length()

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Check that a clip holds a frame, and make the filters."""
        if len(input_shape) != 2 or (input_shape[1] is not None and input_shape[1] < self._frame):
            raise ValueError(
                f"clips need shape (b, samples) with at least {self._frame} samples, one frame: got {input_shape}.\n"
                "  Pass mono sound of a fixed length, padded with zeros where it is shorter; or a shorter `window`."
            )
        limits = {"lowest": self.lowest, "highest": self.highest}
        filters = mel_filters(self._points // 2 + 1, self.mels, sample_rate=self.sample_rate, **limits)
        narrow = int((filters.max(axis=0) <= 0).sum())
        if narrow:
            raise ValueError(
                f"`mels` is {self.mels}, and {narrow} bands fall between the {self._points // 2 + 1} frequencies that "
                f"a frame of {self._frame} samples can tell apart.\n  Ask for fewer `mels`, or a longer `window`."
            )
        self._filters = filters.astype(np.float32)
        self._hann = (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(self._frame) / self._frame)).astype(np.float32)

    def call(self, inputs: Tensor) -> Tensor:
        """Return natural logarithms `(b, frames, mels)`."""
        sound = ops.cast(inputs, "float32")
        sound = sound - ops.mean(sound, axis=1, keepdims=True)
        loudness = ops.max(ops.abs(sound), axis=1, keepdims=True)
        sound = sound / ops.where(loudness > 0, loudness, 1.0)
        square = ops.mean(ops.square(sound), axis=1, keepdims=True)
        sound = sound / ops.sqrt(ops.maximum(square, SILENCE))
        frames: Tensor = ops.extract_sequences(sound, self._frame, self._stride)
        spectrum: Tensor = ops.rfft(frames * ops.convert_to_tensor(self._hann), fft_length=self._points)
        real, imaginary = spectrum
        power = (ops.square(real) + ops.square(imaginary)) / self._frame
        bands = ops.matmul(power, ops.convert_to_tensor(self._filters))
        return ops.cast(ops.log(ops.maximum(bands, FLOOR)), self.compute_dtype)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return `(b, frames, mels)`."""
        samples = input_shape[1]
        frames = None if samples is None else 1 + (samples - self._frame) // self._stride
        return (input_shape[0], frames, self.mels)

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` needs."""
        config = super().get_config()
        config.pop("autocast", None)
        keys = ("sample_rate", "mels", "window", "step", "lowest", "highest")
        return {**config, **{key: getattr(self, key) for key in keys}}


def _mel(hertz: float) -> float:
    return MELS_PER_DECADE * float(np.log10(1 + hertz / BREAK_HERTZ))


def _hertz(mels: NDArray[np.float64]) -> NDArray[np.float64]:
    return BREAK_HERTZ * (10 ** (mels / MELS_PER_DECADE) - 1)
