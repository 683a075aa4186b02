"""What Prometheus is told of calls: how long they wait and take, and which never came back."""

import asyncio
import threading
import time

import pytest

from keras_similarity.serve.batching import Batcher
from keras_similarity.serve.metrics import SECONDS, Metrics
from keras_similarity.serve.problems import Problem


def value(metrics, name, of="shelf"):
    return metrics.registry.get_sample_value(f"keras_similarity_{name}", {"of": of})


def test_waits_and_calls__are_measured_in_seconds():
    metrics = Metrics()
    batcher = Batcher(
        "the test",
        lambda works: [time.sleep(0.1)] * len(works),
        **{"most_rows": 4, "most_waiting": 100, "call_seconds": 30.0, "metrics": metrics.calls("shelf")},
    )

    async def ask():
        first = asyncio.ensure_future(batcher.submit(1))
        await asyncio.sleep(0.02)
        await asyncio.gather(first, batcher.submit(2, rows=3))  # which waits for the first

    asyncio.run(ask())
    batcher.close()
    assert value(metrics, "batch_rows_sum") == 4
    assert value(metrics, "call_seconds_count") == value(metrics, "wait_seconds_count") == 2
    assert 0.2 <= value(metrics, "call_seconds_sum") < 1
    assert 0.07 <= value(metrics, "wait_seconds_sum") < 1


def test_calls_given_up__are_counted_until_they_come_back():
    metrics = Metrics()
    release = threading.Event()
    calls = metrics.calls("shelf")
    options = {"most_rows": 4, "most_waiting": 100, "call_seconds": 0.05, "metrics": calls}
    batcher = Batcher("the test", lambda works: [release.wait()] * len(works), **options)

    async def ask():
        with pytest.raises(Problem, match="--deadline"):
            await batcher.submit(1)
        given_up = batcher.abandoned
        release.set()
        async with asyncio.timeout(10):
            while batcher.abandoned:
                await asyncio.sleep(0.01)
        return given_up

    assert asyncio.run(ask()) == 1
    batcher.close()
    assert value(metrics, "call_seconds_sum") >= 0.05  # it is a call all the same


def test_server__tells_all_of_them(shelf):
    shelf[0].query({"vector": [1, 2, 3]})
    text = shelf[0].ask("GET", "/metrics")[2]
    for of in ("model", "images", "index shelf"):
        assert f'keras_similarity_abandoned_calls{{of="{of}"}} 0.0' in text
    for name in ("wait", "call"):
        assert f'keras_similarity_{name}_seconds_count{{of="index shelf"}}' in text


def test_histograms__say_what_those_of_prometheus_client_say():
    import prometheus_client

    registry = prometheus_client.CollectorRegistry()
    theirs = prometheus_client.Histogram(
        "keras_similarity_call_seconds", "", ["of"], buckets=SECONDS, registry=registry
    )
    metrics = Metrics()
    ours = metrics.calls("shelf").call_seconds
    for value in (0.0, 0.0005, 0.00051, 0.003, 1.0, 29.0, 31.0, 1e9):
        theirs.labels("shelf").observe(value)
        ours(value)

    def lines(content):
        found = content.decode().splitlines()
        return sorted(
            line for line in found if line.startswith("keras_similarity_call_seconds") and "created" not in line
        )

    assert lines(metrics.render()) == lines(prometheus_client.generate_latest(registry))
    assert len(lines(metrics.render())) == len(SECONDS) + 3
