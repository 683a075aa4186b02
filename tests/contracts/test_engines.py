"""What every approximate engine owes: the distances of exact search, nearly all of its neighbours, and its rules."""

import functools
import importlib.util
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clusters import DIM, clustered, near
from keras_similarity import Index
from keras_similarity.core import distance_names, get_distance, pairwise_distances
from keras_similarity.index.engines import APPROXIMATE
from keras_similarity.index.engines.ordering import near_first
from keras_similarity.index.engines.spaces import SPACES
from keras_similarity.index.engines.usearch import load_usearch

COUNT = 1500


def knows(engine, distance):
    return SPACES[distance].metric in APPROXIMATE[engine].metrics


def marks(engine, distance="euclidean"):
    """Every engine and distance in the slow run; those most used in the fast one."""
    quick = engine in ("faiss", "faiss-ivf", "binary") and distance in ("euclidean", "cosine", "inner_product")
    return [] if quick else [pytest.mark.slow]


ALL = [pytest.param(engine, marks=marks(engine), id=engine) for engine in APPROXIMATE]
PAIRS = [
    pytest.param(engine, distance, marks=marks(engine, distance), id=f"{engine}-{distance}")
    for engine in APPROXIMATE
    for distance in distance_names()
    if knows(engine, distance)
]


def require(engine):
    if engine == "usearch":
        pytest.importorskip("usearch", reason="an extra (usearch); make test-all has it")


def built(engine, distance, gallery, **settings):
    require(engine)
    index = Index(DIM, distance, engine=engine, **settings)
    index.add(gallery, labels=np.arange(len(gallery)) % 7)
    report = index.build()
    assert report.engine == engine
    return index


@pytest.fixture(autouse=True, scope="module")
def small_samples():
    """Recall is measured with fewer queries: here hundreds of small engines are built."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("keras_similarity.index.graph.MOST_SAMPLE", 128)
        yield


@pytest.fixture(autouse=True, scope="module")
def one_thread_of_usearch():
    """Threads link rows in another order each time, and miss others; faiss is told by OMP_NUM_THREADS, this is not."""
    if importlib.util.find_spec("usearch") is None:
        yield
        return
    kind = load_usearch().Index
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kind, "add", functools.partialmethod(kind.add, threads=1))
        yield


@pytest.fixture(scope="module")
def shelf():
    """One index per engine and distance, shared by the tests that do not change it."""
    made = {}

    def make(engine, distance):
        if (engine, distance) not in made:
            made[engine, distance] = built(engine, distance, clustered(np.random.default_rng(1), COUNT))
        return made[engine, distance]

    return make


@pytest.mark.parametrize(("engine", "distance"), PAIRS)
def test_distances_are_those_of_the_definition_and_neighbours_are_found(shelf, engine, distance, rng, monkeypatch):
    monkeypatch.setattr("keras_similarity.index.graph.FEW_NUMBERS", 0)  # let the engine itself answer
    index, queries = shelf(engine, distance), clustered(rng, 50)
    result = index.search(queries, k=10)
    gallery = np.stack([record.embedding for record in index.get(range(COUNT))])
    expected = pairwise_distances(queries, gallery, distance)
    np.testing.assert_allclose(result.distances, np.take_along_axis(expected, result.ids, axis=1), rtol=1e-6, atol=1e-7)
    assert (np.diff(result.distances, axis=1) >= 0).all()
    assert near(result, index.search(queries, k=10, exact=True)) > 0.97
    for row in range(3):
        alone = index.search(queries[row : row + 1], k=10)
        assert set(alone.ids[0].tolist()) == set(result.ids[row].tolist())
        assert near(alone, index.search(queries[row : row + 1], k=10, exact=True)) > 0.8


@pytest.mark.parametrize("engine", ALL)
def test_many_queries__grouped_for_the_cache__are_answered_as_alone(shelf, engine, rng, monkeypatch):
    monkeypatch.setattr("keras_similarity.index.graph.FEW_NUMBERS", 0)
    index, queries = shelf(engine, "euclidean"), clustered(rng, 100)
    expected = index.search(queries, k=5)
    monkeypatch.setattr("keras_similarity.index.engines.ordering.CACHE_BYTES", 0)
    assert near_first(index._store.rows.blocks[0].matrix, queries).tolist() != list(range(100))
    result = index.search(queries, k=5)
    np.testing.assert_array_equal(result.ids, expected.ids)
    np.testing.assert_array_equal(result.distances, expected.distances)


def test_many_queries_under_a_sparse_filter__are_answered_exactly(shelf, rng, monkeypatch):
    monkeypatch.setattr("keras_similarity.index.graph.FEW_NUMBERS", 0)
    index, queries = shelf("faiss", "euclidean"), clustered(rng, 64)
    where = {"id": {"lt": 100}}
    monkeypatch.setattr(type(index._store.rows.blocks[0].graph.engine), "search", None)  # it would raise
    result = index.search(queries, k=5, where=where)
    np.testing.assert_array_equal(result.ids, index.search(queries, k=5, where=where, exact=True).ids)
    with pytest.raises(TypeError):
        index.search(queries[:63], k=5, where=where)


@pytest.mark.parametrize("engine", ALL)
def test_half_of_the_rows_selected__only_these_are_found(shelf, engine, rng, monkeypatch):
    monkeypatch.setattr("keras_similarity.index.graph.FEW_NUMBERS", 0)  # let the engine itself answer
    index, queries = shelf(engine, "euclidean"), clustered(rng, 30)
    where = {"label": {"in": [0, 2, 4]}}
    result = index.search(queries, k=10, where=where)
    assert set(np.unique(result.labels)) <= {0, 2, 4}
    assert near(result, index.search(queries, k=10, where=where, exact=True)) > 0.97


@pytest.mark.parametrize("engine", ALL)
def test_selection_far_from_the_query__is_still_found(engine, rng, monkeypatch):
    """Rows near the query are all filtered out, so that a walk near the query meets no selected row."""
    monkeypatch.setattr("keras_similarity.index.graph.FEW_NUMBERS", 0)
    require(engine)
    centres = np.concatenate([np.zeros((1, DIM)), np.full((1, DIM), 9.0)])
    gallery = centres[np.arange(2000) % 2] + rng.normal(size=(2000, DIM))
    index = Index(DIM, "euclidean", engine=engine)
    index.add(gallery, labels=["near", "far"] * 1000)
    index.build()
    result = index.search(rng.normal(size=(20, DIM)), k=10, where={"label": "far"})
    truth = index.search(rng.normal(size=(20, DIM)), k=10, where={"label": "far"}, exact=True)
    assert (result.labels == "far").all()
    assert abs(result.distances.mean() - truth.distances.mean()) < 1


@pytest.mark.parametrize("engine", ALL)
def test_many_equal_rows__among_which_a_graph_loses_its_way__are_k_neighbours_all_the_same(engine, rng, monkeypatch):
    monkeypatch.setattr("keras_similarity.index.graph.FEW_NUMBERS", 0)
    require(engine)
    rows = rng.permutation(np.repeat(rng.normal(size=(10, 8)), 250, axis=0)).astype(np.float32)
    index = Index(8, "euclidean", engine=engine)
    index.add(rows)
    index.build()
    for start in range(0, len(rows), 50):
        result = index.search(rows[start : start + 1], k=250)
        assert np.isfinite(result.distances).all()
        assert len(set(result.ids[0].tolist())) == 250


def test_more_neighbours_of_a_selection_than_usearch_looks_at__are_found(shelf, rng, monkeypatch):
    require("usearch")
    monkeypatch.setattr("keras_similarity.index.graph.FEW_NUMBERS", 0)
    monkeypatch.setattr("keras_similarity.index.engines.usearch.MOST_PROPOSED", 50)
    index, where = shelf("usearch", "euclidean"), {"label": {"in": [0, 2, 4]}}
    for queries in (clustered(rng, 1), clustered(rng, 3)):
        result, truth = (index.search(queries, k=60, where=where, exact=exact) for exact in (False, True))
        np.testing.assert_array_equal(result.ids, truth.ids)


@pytest.mark.parametrize("engine", ALL)
def test_removed_rows_are_not_found_and_added_ones_are(engine, rng, monkeypatch):
    monkeypatch.setattr("keras_similarity.index.graph.FEW_NUMBERS", 0)
    index, queries = built(engine, "euclidean", clustered(rng, COUNT)), clustered(rng, 20)
    gone = np.unique(index.search(queries, k=3).ids)
    index.remove(gone)
    result = index.search(queries, k=10)
    assert not np.isin(result.ids, gone).any()
    assert near(result, index.search(queries, k=10, exact=True)) > 0.97
    index.add(queries, ids=[f"new {row}" for row in range(20)])
    assert index.search(queries, k=1).ids[:, 0].tolist() == [f"new {row}" for row in range(20)]
    assert index.search(queries, k=1).distances.max() == 0


@pytest.mark.parametrize("engine", ALL)
def test_half_removed_and_added_again__recall_is_that_of_a_fresh_build(engine, rng):
    gallery, queries = clustered(rng, COUNT), clustered(rng, 100)
    index = built(engine, "euclidean", gallery)
    half = rng.permutation(COUNT)[: COUNT // 2]
    index.remove(half)
    index.add(gallery[half], ids=half)
    index.build()
    assert index.describe()["removed"] == index.describe()["unbuilt"] == 0
    fresh = built(engine, "euclidean", np.concatenate([np.delete(gallery, half, axis=0), gallery[half]]))
    truth = index.search(queries, k=10, exact=True)
    assert near(index.search(queries, k=10), truth) >= near(fresh.search(queries, k=10), truth) - 0.01


@pytest.mark.parametrize("engine", ALL)
def test_saved_and_opened__answers_as_before_and_goes_on(engine, rng, tmp_path):
    index, queries = built(engine, "cosine", clustered(rng, COUNT)), clustered(rng, 10)
    index.remove([3, 4])
    index.add(queries[:1], ids=["late"])
    index.save(tmp_path / "shelf")
    again = Index.open(tmp_path / "shelf")
    assert again.describe()["engine"] == index.describe()["engine"]
    before, after = index.search(queries, k=10), again.search(queries, k=10)
    assert after.ids.tolist() == before.ids.tolist()
    assert np.array_equal(after.distances, before.distances)
    again.add(queries[1:2], ids=["later"])
    assert again.search(queries[1:2], k=1).ids.tolist() == [["later"]]
    assert again.build().rows == COUNT


@pytest.mark.slow
@pytest.mark.parametrize("engine", APPROXIMATE)
@pytest.mark.parametrize("storage", ["float16", "int8", "binary"])
def test_storage_of_halves__scores_with_its_halves(engine, storage, rng):
    gallery, queries = clustered(rng, COUNT), clustered(rng, 20)
    index = built(engine, "euclidean", gallery, storage=storage)
    result = index.search(queries, k=5)
    expected = pairwise_distances(queries, gallery.astype(np.float16), "euclidean")
    np.testing.assert_allclose(result.distances, np.take_along_axis(expected, result.ids, axis=1), rtol=1e-6)
    assert near(result, index.search(queries, k=5, exact=True)) > 0.97


@pytest.mark.parametrize("engine", ALL)
def test_k_beyond_what_is_there__finds_every_row_once(shelf, engine, rng):
    result = shelf(engine, "euclidean").search(clustered(rng, 3), k=COUNT + 5)
    assert all(sorted(ids) == [-1] * 5 + list(range(COUNT)) for ids in result.ids.tolist())


@pytest.mark.parametrize("engine", ALL)
def test_equal_rows__are_all_found_at_distance_0(engine, rng):
    gallery = np.repeat(clustered(rng, 60), 25, axis=0)
    result = built(engine, "euclidean", gallery).search(gallery[::25], k=20)
    assert (result.distances == 0).mean() > 0.97


@pytest.mark.parametrize("engine", ALL)
def test_no_query__is_an_empty_result(shelf, engine):
    assert shelf(engine, "euclidean").search(np.empty((0, DIM)), k=3).ids.shape == (0, 3)


@pytest.mark.parametrize(
    ("engine", "distance"), [(e, d) for e in APPROXIMATE for d in distance_names() if not knows(e, d)]
)
def test_engine_without_the_distance__says_which_have_it(engine, distance):
    with pytest.raises(ValueError, match=f"the '{engine}' engine has no {distance} distance.\n.*: exact, faiss"):
        Index(DIM, distance, engine=engine)


@pytest.mark.parametrize("engine", APPROXIMATE)
def test_distance_of_the_users_own__is_exact_only(engine):
    import dataclasses

    mine = dataclasses.replace(get_distance("euclidean"), name="euclidean", dots=None)
    with pytest.raises(ValueError, match="Engines that have it: exact;"):
        Index(DIM, mine, engine=engine)
    assert Index(DIM, mine).build().engine == "exact"


PATCHED = """
import faiss.contrib.torch_utils
import numpy as np
from keras_similarity.index import Index
rows = np.random.default_rng(0).normal(size=(3000, 16)).astype("float32")
index = Index(16, "euclidean", engine={engine!r})
index.add(rows)
assert index.build().engine == {engine!r}
assert (index.search(rows[:20], k=3).ids[:, 0] == np.arange(20)).mean() > 0.9
assert (index.search(rows[:1], k=3).ids[0, 0] == 0)
assert (index.search(rows[:20], k=3, where={{"id": {{"in": list(range(1500))}}}}).ids < 1500).all()
"""


@pytest.mark.slow
@pytest.mark.parametrize("engine", [engine for engine in APPROXIMATE if engine != "usearch"])
def test_faiss_patched_for_torch_by_another_package__is_searched_all_the_same(engine):
    """`faiss.contrib.torch_utils` replaces a method of the whole process; pytorch-metric-learning imports it."""
    pytest.importorskip("torch")
    code = PATCHED.format(engine=engine)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]


def test_lists_of_faiss__after_usearch__are_built():
    """Their two libraries do not bear each other in that order of loading; a crash cannot be caught."""
    require("usearch")
    code = (
        "import numpy as np; from keras_similarity import Index\n"
        "x = np.random.default_rng(0).normal(size=(1500, 8))\n"
        "for engine in ('usearch', 'faiss-ivf'):\n"
        "    index = Index(8, engine=engine); index.add(x); index.build()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 2**32), st.floats(0.05, 0.9))
def test_faiss_graph__any_selection__returns_selected_rows_alone(seed, share):
    rng = np.random.default_rng(seed)
    index = built_once()
    rows = index._store.rows
    mask = rng.random(COUNT) < share
    from keras_similarity.index.selection import Selection

    engine = rows.blocks[0].graph.engine
    found = engine.search(clustered(rng, 5), 20, 50, Selection(mask))
    assert mask[found[found >= 0]].all()
    assert all(len(set(row[row >= 0])) == (row >= 0).sum() for row in found)


_ONCE = []


def built_once():
    if not _ONCE:
        _ONCE.append(built("faiss", "euclidean", clustered(np.random.default_rng(3), COUNT)))
    return _ONCE[0]
