"""Images of several requests are decoded and embedded together, and each request hears of its own alone."""

import asyncio
import base64
import threading

import numpy as np
import pytest

from keras_similarity.core.pictures import png
from keras_similarity.embed import Encoder
from keras_similarity.serve.encoding import ServedEncoder
from keras_similarity.serve.limits import Limits
from keras_similarity.serve.metrics import Metrics
from keras_similarity.serve.problems import Problem


def grey(level):
    return base64.b64encode(png(np.full((8, 8, 3), level, np.uint8))).decode()


IMAGE = grey(9)


def asked(*images, limits):
    """What each request of one image gets, all made at once, and the encoder."""

    def means(rows):
        return np.asarray(rows, np.float32).reshape(len(rows), -1, 3).mean(axis=1)

    served = ServedEncoder(Encoder(means, "image", (8, 8, 3), 3, "means"), limits, Metrics())

    async def ask():
        return await asyncio.gather(*(served.images([value]) for value in images), return_exceptions=True)

    return asyncio.run(ask()), served


@pytest.fixture(params=["small", "large"])
def any_size(request, monkeypatch):
    """Images are decoded in the model's call, and then in threads of their own, as large ones are."""
    monkeypatch.setattr("keras_similarity.serve.encoding.SMALL", 8_000 if request.param == "small" else 0)


@pytest.mark.usefixtures("any_size")
def test_bad_image__spoils_no_other_of_its_call():
    found, served = asked(grey(9), "%%%", grey(7), limits=Limits())
    assert isinstance(found[1], Problem)
    assert found[1].status == 400
    assert [found[number].tolist() for number in (0, 2)] == [[[9, 9, 9]], [[7, 7, 7]]]
    served.close()


@pytest.mark.usefixtures("any_size")
def test_only_bad_images__are_no_call_of_the_model():
    found, served = asked("%%%", "aGVsbG8=", limits=Limits())
    assert [problem.status for problem in found] == [400, 415]
    served.close()


def test_any_number_of_images__fills_a_size_that_was_warmed_up():
    sizes = []

    def widths(rows):
        sizes.append(len(rows))
        return np.asarray(rows, np.float32)[:, 0, 0]

    served = ServedEncoder(Encoder(widths, "image", (8, 8, 3), 3, "widths"), Limits(batch=300), Metrics())
    served.warm_up()
    warm = set(sizes)
    for count in (1, 3, 17, 25, 33, 64, 65, 200):
        assert asyncio.run(served.images([IMAGE] * count)).tolist() == [[9, 9, 9]] * count
    assert set(sizes) == warm
    served.close()


@pytest.mark.usefixtures("any_size")
def test_decoder_that_does_not_come_back__makes_the_encoder_unusable(monkeypatch):
    release = threading.Event()
    monkeypatch.setattr("keras_similarity.serve.encoding.read_image", lambda *_, **__: release.wait())
    monkeypatch.setattr("keras_similarity.serve.encoding.MOST_ROWS", 1)
    found, served = asked(*[IMAGE] * 4, limits=Limits(deadline_seconds=0.05))
    assert {answer.status for answer in found} == {504}
    assert not served.usable
    release.set()
    served.close()
