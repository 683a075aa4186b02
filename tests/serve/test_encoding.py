"""Images of several requests are decoded and embedded together, and each request hears of its own alone."""

import asyncio
import base64
import io
import threading
import time

import numpy as np
import pytest
from PIL import Image as image

from keras_similarity import Index
from keras_similarity.core.pictures import png
from keras_similarity.embed import Encoder
from keras_similarity.serve import Service, decoded_images, served_indexes
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
def test_encoder_of_another_width_than_an_index__is_told_when_it_is_served(tmp_path, caplog):
    with Index(4, store=tmp_path / "shelf.index") as index:
        index.add(np.eye(4))
    limits, metrics = Limits(), Metrics()
    service = Service(served_indexes([tmp_path / "shelf.index"], limits, metrics), limits=limits, metrics=metrics)
    service.use(Encoder(lambda rows: np.ones((len(rows), 3)), "image", (8, 8, 3), 3, "means"))
    assert "the model means gives 3 numbers and the index shelf holds vectors of 4" in caplog.text
    service.close()


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
    monkeypatch.setattr("keras_similarity.serve.decoded_images.read_image", lambda *_, **__: release.wait())
    monkeypatch.setattr("keras_similarity.serve.encoding.MOST_ROWS", 1)
    found, served = asked(*[IMAGE] * 4, limits=Limits(deadline_seconds=0.05))
    assert {answer.status for answer in found} == {504}
    assert not served.usable
    release.set()
    served.close()


def plain(width, height, kind="PNG"):
    """A picture of one colour in base64: a file of few bytes, however large it is."""
    file = io.BytesIO()
    picture = image.new("1" if kind == "PNG" else "RGB", (width, height))
    picture.save(file, kind, **({"lossless": True} if kind == "WEBP" else {}))
    return base64.b64encode(file.getvalue()).decode()


@pytest.fixture
def served():
    made = []

    def make(**limits):
        encoder = Encoder(lambda rows: np.asarray(rows)[:, 0, 0], "image", (8, 8, 3), 3, "corners")
        made.append(ServedEncoder(encoder, Limits(**limits), Metrics()))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def reads(monkeypatch):
    """The thread in which each image is decoded."""
    names = []
    read = decoded_images.read_image

    def noted(*arguments, **options):
        pixels = read(*arguments, **options)
        names.append(threading.current_thread().name)
        return pixels

    monkeypatch.setattr(decoded_images, "read_image", noted)
    return names


def test_images_of_more_pixels_than_a_request_may_have__are_refused_before_they_are_decoded(served, reads):
    one = plain(1000, 800)
    assert len(one) < 8000
    with pytest.raises(Problem, match="--request-pixels") as refused:
        asyncio.run(served(request_pixels=2_000_000).images([one] * 100))
    assert refused.value.status == 413
    assert len(reads) == 2


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_few_bytes_of_many_pixels__are_not_decoded_in_the_models_thread(served, reads, kind):
    large, encoder = plain(4000, 3000, kind), served()
    assert len(large) < 8000
    asyncio.run(encoder.images([large, IMAGE]))
    assert all(name.startswith("images") for name in reads)
    reads.clear()
    asyncio.run(encoder.images([plain(500, 500, kind), IMAGE]))
    assert set(reads) == {"the model"}


def test_image_beyond_the_limit__is_refused_wherever_it_is_decoded(served):
    encoder = served(image_pixels=10_000)
    for width in (101, 2000):
        with pytest.raises(Problem, match="--image-pixels") as refused:
            asyncio.run(encoder.images([plain(width, 100)]))
        assert refused.value.status == 413


def test_images_that_nobody_waits_for_any_more__are_left_undecoded(served, monkeypatch):
    done = []
    monkeypatch.setattr("keras_similarity.serve.encoding.SMALL", 0)
    monkeypatch.setattr(decoded_images, "read_image", lambda *_, **__: done.append(time.sleep(0.1)) or 0)
    encoder = served(deadline_seconds=0.25)
    with pytest.raises(Problem) as refused:
        asyncio.run(encoder.images([plain(2000, 2000)] * 20))
    assert refused.value.status == 504
    time.sleep(0.5)
    assert len(done) <= 4
