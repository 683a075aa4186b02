"""Sounds: the mel filters by definition, the spectrum against a slow one, and clips that differ in loudness alone."""

import keras
import numpy as np
import pytest

from keras_similarity.architectures import AudioSim, LogMel
from keras_similarity.architectures.log_mel import FLOOR, mel_filters

pytestmark = pytest.mark.slow  # models that JAX compiles for seconds

RATE = 8000


def tone(hertz, samples=2000, loudness=1.0):
    return loudness * np.sin(2 * np.pi * hertz * np.arange(samples) / RATE)


def slow_log_mel(sound, layer, frame, stride, points):
    """The definition, one frame and one band at a time."""
    sound = sound - sound.mean()
    sound = sound / np.sqrt((sound**2).mean())
    window = [0.5 - 0.5 * np.cos(2 * np.pi * n / frame) for n in range(frame)]
    mel = lambda hertz: 2595 * np.log10(1 + hertz / 700)  # noqa: E731
    edges = np.linspace(mel(layer.lowest), mel(layer.highest), layer.mels + 2)
    rows = []
    for start in range(0, len(sound) - frame + 1, stride):
        spectrum = np.fft.rfft(sound[start : start + frame] * window, points)
        power = np.abs(spectrum) ** 2 / frame
        row = []
        for band in range(layer.mels):
            low, middle, high = 700 * (10 ** (edges[band : band + 3] / 2595) - 1)
            total = 0.0
            for number, value in enumerate(power):
                hertz = number * RATE / points
                if low < hertz <= middle:
                    total += value * (hertz - low) / (middle - low)
                elif middle < hertz < high:
                    total += value * (high - hertz) / (high - middle)
            row.append(np.log(max(total, FLOOR)))
        rows.append(row)
    return np.array(rows)


def test_the_spectrum_is_that_of_the_definition(rng):
    layer = LogMel(RATE, mels=12, lowest=50.0, highest=3500.0)
    sound = tone(440) + 0.1 * rng.normal(size=2000) + 3.0
    result = keras.ops.convert_to_numpy(layer(sound[None]))[0]
    np.testing.assert_allclose(result, slow_log_mel(sound, layer, 200, 80, 256), rtol=1e-3, atol=1e-3)
    assert layer.compute_output_shape((None, 2000)) == (None, *result.shape)


def test_the_loudest_band_is_the_one_of_the_tone():
    layer = LogMel(RATE, mels=20)
    filters = mel_filters(129, 20, sample_rate=RATE, lowest=20, highest=4000)
    for hertz in (300, 1000, 3000):
        spectrum = keras.ops.convert_to_numpy(layer(tone(hertz)[None]))[0].mean(axis=0)
        assert spectrum.argmax() == filters[round(hertz / RATE * 256)].argmax()


def test_loudness_integers_and_batch_mates_change_nothing(rng):
    layer = LogMel(RATE, mels=20)
    sound = tone(500) * rng.uniform(0.2, 1.0, 2000)
    samples = np.round(sound * 30_000).astype(np.int16)
    alone = keras.ops.convert_to_numpy(layer(sound[None]))[0]
    loud = keras.ops.convert_to_numpy(layer(np.stack([sound * 1e-3, tone(90, loudness=1e4)])))[0]
    np.testing.assert_allclose(loud, alone, atol=1e-3)
    np.testing.assert_allclose(keras.ops.convert_to_numpy(layer(samples[None]))[0], alone, atol=0.02)


def test_silence_and_a_constant__are_the_floor():
    layer = LogMel(RATE, mels=20)
    for level in (0.0, 5.0):
        spectrum = keras.ops.convert_to_numpy(layer(np.full((1, 2000), level)))
        np.testing.assert_allclose(spectrum, np.log(FLOOR), rtol=1e-5)


def test_half_precision__is_computed_in_float32():
    sound = tone(500)[None]
    half = keras.ops.convert_to_numpy(LogMel(RATE, mels=20, dtype="mixed_float16")(sound))
    assert half.dtype == np.float16
    np.testing.assert_allclose(half, keras.ops.convert_to_numpy(LogMel(RATE, mels=20)(sound)), rtol=2e-3, atol=2e-3)


def test_bad_settings__are_named():
    with pytest.raises(ValueError, match=r"at least 200 samples, one frame: got \(None, 100\)"):
        AudioSim(100, sample_rate=RATE)
    with pytest.raises(ValueError, match=r"`mels` is 200, and [0-9]+ bands fall between the 129 frequencies"):
        AudioSim(2000, sample_rate=RATE, mels=200)
    with pytest.raises(ValueError, match="`highest` must be above 0 and at most 4000: got 5000"):
        LogMel(RATE, highest=5000)
    with pytest.raises(ValueError, match="`highest` must be above 300: got 200"):
        LogMel(RATE, lowest=300, highest=200)
    with pytest.raises(ValueError, match="`samples` must be a whole number"):
        AudioSim(0.5)
