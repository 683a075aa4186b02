"""Answers written by hand are JSON, and none says what an earlier generation of the index said."""

import dataclasses
import json

import numpy as np
import pytest

import keras_similarity as ks
from keras_similarity.serve.answers import Answers
from serve.serving import make_shelf, running

QUOTED = 'a "b" \\ \n \x01 \u2028 é'


def answered(answers, index, generation, *, query=(1.0, 1.0, 1.0), include=(), k=9):
    result = index.search(np.array([query], np.float32), k)
    content = answers.of(result, [(1, frozenset(include))], index, generation)[0]
    return json.loads(content, parse_constant=lambda word: pytest.fail(f"{word} is no JSON"))["results"][0]


@pytest.mark.filterwarnings("ignore:overflow")  # which is the point
@pytest.mark.parametrize("include", [(), ("metadata",), ("vector",)])
def test_infinite_distance__is_null(include):
    index = ks.Index(3, distance="snr")
    index.add(np.array([[1, 1, 1], [1, 2, 3]], np.float32), ids=[4, 5])
    found = answered(Answers(), index, index.generation, include=include)  # a query without variance
    assert [(item["id"], item["distance"]) for item in found] == [(4, 0.0), (5, None)]


@pytest.mark.parametrize("include", [(), ("metadata",)])
def test_any_text__comes_back_as_it_was(include):
    index = ks.Index(3)
    index.add(
        np.eye(3, dtype=np.float32), [QUOTED, ("a", 1), None], ids=[QUOTED, "7", 7], metadata=[{QUOTED: QUOTED}] * 3
    )
    answers = Answers()
    for _ in range(2):  # made, and kept
        found = {item.pop("id"): item for item in answered(answers, index, index.generation, include=include)}
        assert [found[name]["label"] for name in (QUOTED, "7", 7)] == [QUOTED, {"tuple": ["a", 1]}, None]
        assert all(item.get("metadata") == ({QUOTED: QUOTED} if include else None) for item in found.values())


@pytest.mark.parametrize("include", [(), ("metadata",)])
def test_write_while_it_was_searched__is_seen_whole(include):
    index = ks.Index(3)
    rows = np.eye(3, dtype=np.float32)
    index.add(rows, ["before"] * 3, ids=[0, 1, 2])
    answers, generation = Answers(), index.generation
    assert {item["label"] for item in answered(answers, index, generation, include=include)} == {"before"}
    index.add(rows, ["after"] * 3, ids=[0, 1, 2])  # after the search asked for the generation
    for _ in range(2):
        assert {item["label"] for item in answered(answers, index, generation, include=include)} == {"after"}
        index.add(rows[:1], ["after"], ids=[0])
        generation = index.generation


@pytest.mark.parametrize(("most", "times"), [(1000, 3), (10, 6)])
def test_metadata__is_read_once__as_long_as_there_is_room(monkeypatch, most, times):
    monkeypatch.setattr("keras_similarity.serve.answers.MOST_CHARACTERS", most)
    index = ks.Index(3)
    index.add(np.eye(3, dtype=np.float32), metadata=[{"row": row} for row in range(3)])
    result, read = index.search(np.ones((1, 3), np.float32), 3), []

    def fetch(row, column):
        read.append(column)
        return result.fetch(row, column)

    answers, counted = Answers(), dataclasses.replace(result, fetch=fetch)
    for _ in range(2):
        answers.of(counted, [(1, frozenset({"metadata"}))], index, index.generation)
    assert len(read) == times


def test_answer_of_too_many_bytes__is_refused_and_the_others_of_its_call_are_not():
    index = ks.Index(3)
    index.add(np.eye(3, dtype=np.float32), ids=["a", "b", "c"], metadata=[{"text": "x" * 1000}] * 3)
    result = index.search(np.eye(3, dtype=np.float32)[[0, 1, 1, 2]], 3)
    parts = [(1, frozenset()), (2, frozenset({"metadata"})), (1, frozenset({"metadata"}))]
    first, second, third = Answers(5000).of(result, parts, index, index.generation)
    assert json.loads(first)["results"][0][0]["id"] == "a"
    assert (second.status, "--answer-bytes" in second.detail) == (413, True)
    assert json.loads(third)["results"][0][0]["id"] == "c"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"vectors": [[1, 2, 3]] * 10, "k": 6}, "--max-neighbors"),
        ({"vector": [1, 2, 3], "k": 50, "include": ["vector"]}, "--answer-bytes"),
        ({"vector": [1, 2, 3], "k": 50}, "--answer-bytes"),
        ({"vector": [1, 2, 3], "k": 10, "include": ["vector"]}, None),
        ({"vector": [1, 2, 3], "k": 20}, None),
    ],
)
def test_neighbours_of_a_request__are_bounded(small, body, words):
    status, _, answer = small.query(body)
    assert status == (200 if words is None else 413), answer
    assert words is None or words in answer["detail"]


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A client of a server that gives small answers."""
    folder = tmp_path_factory.mktemp("small") / "shelf.index"
    make_shelf(folder, np.random.default_rng(7))
    with running(folder, limits={"neighbors": 50, "answer_bytes": 2000}) as client:
        yield client
