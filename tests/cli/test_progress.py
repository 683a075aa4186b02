"""A Ctrl-C that something swallows is still heard, a step later."""

import contextlib
import signal

import pytest

from keras_similarity.cli.progress import progress_bar


@pytest.fixture
def handler(request):
    before = signal.signal(signal.SIGINT, request.param)
    yield request.param
    signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("handler", [signal.default_int_handler], indirect=True)
def test_interrupted__raises_at_once_and_once_more_at_the_next_step(handler):
    with progress_bar("training", 3) as advance:
        advance(1)
        with contextlib.suppress(KeyboardInterrupt):  # as Keras does, where it turns a loss into a number
            signal.raise_signal(signal.SIGINT)
            pytest.fail("the signal was put off")
        with pytest.raises(KeyboardInterrupt):
            advance(1)
    assert signal.getsignal(signal.SIGINT) is handler


@pytest.mark.parametrize("handler", [signal.SIG_IGN], indirect=True)
def test_interrupted__in_a_job_in_the_background__goes_on(handler):
    with progress_bar("training", 2) as advance:
        signal.raise_signal(signal.SIGINT)
        advance(1)
    assert signal.getsignal(signal.SIGINT) is handler
