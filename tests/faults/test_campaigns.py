"""The campaigns of `run.py` on a small scale: nothing acknowledged is lost, and no answer is wrong."""

import shutil
import sys

import pytest

from faults.run import is_possible, run_campaign

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="forks children and limits what they may do")

SMALL = [
    pytest.param(("crashes", "kill_at_random", 4), id="kill -9 at random moments"),
    pytest.param(("crashes", "kill_at_points", "small,big"), id="kill -9 at write points"),
    pytest.param(("crashes", "kill_at_points", "save over"), id="kill -9 while a saved index is replaced"),
    pytest.param(("processes", "fork"), id="fork after open"),
]
LARGER = [
    pytest.param(("crashes", "kill_at_random", 12), id="kill -9 at random moments, many"),
    pytest.param(("crashes", "kill_at_points", "all"), id="kill -9 at every write point"),
    pytest.param(("damage", "damage", 2), id="files cut, zeroed and with flipped bits"),
    pytest.param(("disks", "full", 3), id="disk full"),
    pytest.param(("disks", "descriptors", 8), id="no file descriptors left"),
    pytest.param(("disks", "read_only"), id="folder without permission"),
    pytest.param(("processes", "writers", 2), id="writers that contend"),
    pytest.param(("processes", "readers", 5), id="readers beside a writer"),
]


def judged(tally, least):
    assert (tally["lost"], tally["wrong"]) == (0, 0), (tally["notes"], tally["stderr"])
    assert tally["faults"] >= least


@pytest.mark.parametrize("campaign", SMALL)
def test_small_campaign(campaign):
    program, name, *settings = campaign
    judged(run_campaign(program, name, 11, *settings), least=4)


@pytest.mark.slow
@pytest.mark.parametrize("campaign", LARGER)
def test_larger_campaign(campaign):
    program, name, *settings = campaign
    judged(run_campaign(program, name, 12, *settings), least=7)


@pytest.mark.slow
@pytest.mark.database
@pytest.mark.parametrize(("name", "faults"), [("postgres", 6), ("milvus", 3)])
def test_campaign_in_a_database(name, faults):
    if not is_possible(name):
        pytest.skip("no server is installed; make test-all has it, where PyPI does")
    judged(run_campaign("databases", name, 14, faults), least=faults)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("cc") is None, reason="needs a C compiler to put itself before fsync")
def test_failing_sync():
    judged(run_campaign("disks", "failing_sync", 13, 3), least=7)


def test_a_campaign_sees_what_is_lost(tmp_path, monkeypatch):
    """The judge must be able to fail: an index that lost an item is found out."""
    from faults.campaign import Tally, prepared
    from faults.workload import of_kind
    from keras_similarity import Index
    from keras_similarity.index.stores.disk import store

    monkeypatch.setattr(store, "SEGMENT_ROWS", store.SEGMENT_ROWS)  # `prepared` changes it
    model = prepared(tmp_path / "index", 1)
    with Index.open(tmp_path / "index") as index:
        index.remove([next(iter(model.items))])
    tally = Tally(1)
    tally.judge(tmp_path / "index", model, model.after(of_kind(1, "small")))
    assert (tally.lost, tally.wrong) == (1, 1)
