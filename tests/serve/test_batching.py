"""What goes together in one call, and what waits for whom."""

import asyncio
import threading
import time

import pytest

from keras_similarity.serve.batching import Batcher
from keras_similarity.serve.problems import Problem

LONG = 30.0  # seconds that no test waits


class Calls:
    """A batcher that notes the works of each call."""

    def __init__(self, **options):
        self.made = []
        options = {"most_rows": 4, "most_waiting": 100, "call_seconds": LONG} | options
        self.batcher = Batcher("the test", self._run, **options)

    def _run(self, works):
        self.made.append(list(works))
        return [work * 10 for work in works]

    async def ask(self, *works):
        return await asyncio.gather(*(self.batcher.submit(work) for work in works))


def run(calls, steps):
    """What `steps(calls)` returns, in a loop of its own, and soon."""

    async def soon():
        async with asyncio.timeout(LONG / 3):
            return await steps(calls)

    try:
        return asyncio.run(soon())
    finally:
        calls.batcher.close()


def test_what_comes_in_one_round__goes_together_up_to_the_most():
    calls = Calls()
    assert run(calls, lambda calls: calls.ask(1, 2, 3, 4, 5)) == [10, 20, 30, 40, 50]
    assert calls.made == [[1, 2, 3, 4], [5]]


def test_what_comes_in_every_round__puts_no_call_off():
    calls = Calls()

    async def after(rounds):
        for _ in range(rounds):
            await asyncio.sleep(0)
        return await calls.batcher.submit(rounds)

    run(calls, lambda _: asyncio.gather(*map(after, (3, 2, 1, 0))))
    assert calls.made[0] == [0, 1]


def test_who_asks_alone__never_waits():
    calls = Calls(wait_seconds=LONG)

    async def steps(calls):
        return [await calls.ask(work) for work in range(3)]

    assert run(calls, steps) == [[0], [10], [20]]


def test_a_call_waits_for_as_many_as_the_last_one_had():
    calls = Calls(wait_seconds=LONG)

    async def steps(calls):
        await calls.ask(1, 2, 3)
        first = asyncio.ensure_future(calls.ask(4, 5))
        await asyncio.sleep(0.05)
        assert calls.made == [[1, 2, 3]]
        await calls.ask(6)
        await first

    run(calls, steps)
    assert calls.made == [[1, 2, 3], [4, 5, 6]]


def test_a_call_waits_no_longer_than_it_may():
    calls = Calls(wait_seconds=0.05)

    async def steps(calls):
        await calls.ask(1, 2, 3)
        started = time.monotonic()
        await calls.ask(4)
        once = time.monotonic() - started
        await calls.ask(5)
        return once, time.monotonic() - started - once

    once, again = run(calls, steps)
    assert once >= 0.045
    assert again < 0.045  # it does not hope for three again


def test_a_wait_that_was_cut_short__cuts_no_other_short():
    calls = Calls(wait_seconds=0.2)

    async def steps(calls):
        await calls.ask(1, 2, 3)
        first = asyncio.ensure_future(calls.ask(4))
        await asyncio.sleep(0.1)
        await calls.ask(5, 6)
        await first
        started = time.monotonic()
        await calls.ask(7)
        return time.monotonic() - started

    assert run(calls, steps) >= 0.19


def test_a_call_of_more_than_the_most__has_no_other_wait_for_as_many():
    calls = Calls(wait_seconds=LONG)

    async def steps(calls):
        await calls.batcher.submit(1, rows=9)
        return await calls.ask(2, 3, 4, 5)

    assert run(calls, steps) == [20, 30, 40, 50]


def test_what_comes_during_a_call__makes_the_next():
    calls = Calls()
    release = threading.Event()
    done = calls.batcher._run
    calls.batcher._run = lambda works: release.wait() and done(works)

    async def steps(calls):
        first = asyncio.ensure_future(calls.ask(1))
        await asyncio.sleep(0.05)
        others = [asyncio.ensure_future(calls.ask(work)) for work in (2, 3)]
        await asyncio.sleep(0.05)
        release.set()
        await asyncio.gather(first, *others)

    run(calls, steps)
    assert calls.made == [[1], [2, 3]]


def test_a_caller_that_leaves__is_left_out():
    calls = Calls(wait_seconds=0.05)

    async def steps(calls):
        await calls.ask(1, 2, 3)
        leaving = asyncio.ensure_future(calls.ask(4))
        staying = asyncio.ensure_future(calls.ask(5))
        await asyncio.sleep(0.01)
        leaving.cancel()
        return await staying

    assert run(calls, steps) == [50]
    assert calls.made == [[1, 2, 3], [5]]


def test_more_than_may_wait__is_refused():
    calls = Calls(most_waiting=2, wait_seconds=LONG)
    with pytest.raises(Problem) as raised:
        run(calls, lambda calls: calls.ask(1, 2, 3))
    assert raised.value.status == 429


def test_callers_that_left__keep_nobody_out():
    calls = Calls(most_waiting=3, wait_seconds=LONG)

    async def steps(calls):
        await calls.ask(1, 2, 3)
        leaving = [asyncio.ensure_future(calls.ask(work)) for work in (4, 5)]
        await asyncio.sleep(0.01)
        for one in leaving:
            one.cancel()
        await asyncio.sleep(0.01)
        assert calls.batcher.waiting == 0
        return await calls.ask(6, 7, 8)

    assert run(calls, steps) == [60, 70, 80]


def test_a_caller_that_leaves_its_call__changes_nothing_that_waits():
    calls = Calls(most_rows=1)
    release = threading.Event()
    done = calls.batcher._run
    calls.batcher._run = lambda works: release.wait() and done(works)

    async def steps(calls):
        leaving = asyncio.ensure_future(calls.batcher.submit(1))
        await asyncio.sleep(0.05)
        staying = asyncio.ensure_future(calls.batcher.submit(2))
        await asyncio.sleep(0.01)
        leaving.cancel()
        await asyncio.sleep(0.01)
        assert calls.batcher.waiting == 1
        release.set()
        return await staying

    assert run(calls, steps) == 20


class Held(Calls):
    """Calls that last until they are let go."""

    def __init__(self, **options):
        super().__init__(**options)
        self.begun, self._held = threading.Event(), threading.Event()

    def _run(self, works):
        self.begun.set()
        self._held.wait(LONG)
        return super()._run(works)

    def let_go(self):
        self._held.set()


def test_what_is_made_between_two_calls__waits_for_the_first_and_not_for_the_queue():
    calls = Held(most_waiting=1)

    async def steps(calls):
        first = asyncio.ensure_future(calls.ask(1))
        await asyncio.to_thread(calls.begun.wait)
        second = asyncio.ensure_future(calls.ask(2))
        await asyncio.sleep(0.01)
        between = asyncio.ensure_future(asyncio.to_thread(calls.batcher.between, lambda: calls.made.append("between")))
        await asyncio.sleep(0.05)
        assert not between.done()
        calls.let_go()
        await asyncio.gather(first, second, between)

    run(calls, steps)
    assert calls.made == [[1], "between", [2]]


def test_what_is_made_between_two_calls__is_made_by_the_next_thread_after_one_that_hangs():
    calls = Held(call_seconds=0.5)

    async def steps(calls):
        first = asyncio.ensure_future(calls.ask(1))
        await asyncio.to_thread(calls.begun.wait)
        await asyncio.to_thread(calls.batcher.between, lambda: calls.made.append("between"))
        calls.let_go()
        with pytest.raises(Problem):
            await first
        return await calls.ask(2)

    assert run(calls, steps) == [20]
    assert calls.made.count("between") == 1


def test_what_cannot_be_made_between_two_calls__is_504_and_never_made():
    calls = Held(call_seconds=0.1)

    async def steps(calls):
        first = asyncio.ensure_future(calls.ask(1))
        await asyncio.to_thread(calls.begun.wait)
        with pytest.raises(Problem) as raised:  # while the loop is held up, no other thread is made
            calls.batcher.between(lambda: calls.made.append("between"))
        calls.let_go()
        await asyncio.wait([first])
        await calls.ask(2)
        return raised.value.status

    assert run(calls, steps) == 504
    assert "between" not in calls.made
