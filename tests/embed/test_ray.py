"""Bulk embedding on Ray: the same shards as in one process, whatever dies, and a cluster left as it was found."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from bulk_runs import SLOW_SHARDS, check_slow_rows, everything, kill_slow_driver, run_slowly
from keras_similarity import Index
from keras_similarity.embed import Encoder, embed, read_shards
from keras_similarity.embed.executors import EXECUTORS, ShardWriter
from keras_similarity.embed.shards import Job, finish
from keras_similarity.embed.sources import find_source

pytestmark = [
    # Each of them waits for processes to start: seconds. `make test-all` has Ray, and they fail without it.
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::DeprecationWarning:ray"),  # of Ray's own settings
    # Ray forks where it starts a cluster, and another test may have woken JAX's threads, which do not mind.
    pytest.mark.filterwarnings(r"ignore:os\.fork\(\) was called:RuntimeWarning"),
]


@pytest.fixture(scope="module", autouse=True)
def importable():
    """Workers take encoders of this file by its name: they find the folder of tests as this process does."""
    here = [str(Path(__file__).parents[1]), str(Path(__file__).parent)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join([*here, *filter(None, [os.environ.get("PYTHONPATH")])]))
        yield


@pytest.fixture(scope="module")
def cluster(importable):
    """The address of a cluster that says it has two GPUs: Ray takes one's word for it."""
    import ray

    started = ray.init(num_cpus=2, num_gpus=2, include_dashboard=False, logging_level="error", log_to_driver=False)
    yield started.address_info["gcs_address"]
    ray.shutdown()


def doubling():
    """An encoder that workers can take without this file."""
    return Encoder(lambda batch: 2 * batch, "vector", (3,), 3, "double")


def columns(folder):
    """Ids, labels and metadata of all rows."""
    batches = list(read_shards(folder))
    return [[getattr(batch, name) for batch in batches] for name in ("ids", "labels", "metadata")]


def test_gpus__each_worker_is_given_one_of_its_own(cluster, tmp_path):
    def call(batch):
        import ray

        time.sleep(0.2)  # so that no worker does all
        own = ray.get_runtime_context().get_accelerator_ids()["GPU"]
        return np.tile(np.float32([len(own), int(own[0]) if own else -1, os.getpid()]), (len(batch), 1))

    embed(np.ones((16, 1), np.float32), Encoder(call, "vector", (1,), 3, "who"), tmp_path, shard_rows=1, executor="ray")
    vectors = everything(tmp_path)[2]
    assert set(vectors[:, 0]) == {1}
    assert set(vectors[:, 1]) == {0, 1}
    assert len({(gpu, process) for _, gpu, process in vectors}) == len(set(vectors[:, 2])) == 2


def test_row_that_has_no_embedding__is_named_as_in_one_process(cluster, tmp_path):
    x = np.ones((4, 3), np.float32)
    x[1] = np.nan
    with pytest.raises(ValueError, match=r"(?s)must give finite numbers: row 1 has others.*Look at this input"):
        embed(x, doubling, tmp_path, executor="ray", workers=1)


def test_shard_that_two_workers_make__is_there_once_as_they_tell(cluster, tmp_path):
    def call(batch):
        time.sleep(0.05)
        return batch + np.float32(os.getpid() % 100 * 1e-4)  # as if each had other hardware

    encoder = Encoder(call, "vector", (3,), 3, "its own")
    x = np.arange(48, dtype=np.float32).reshape(16, 3)
    job = Job("m", "s", dim=3, rows=16, shard_rows=2)
    writer = ShardWriter(tmp_path, job, find_source(x), encoder, 2)
    made = list(EXECUTORS["ray"](writer, [number for number in job.shards for _ in range(2)], encoder=encoder))
    assert len(made) == 2 * len(set(made)) == 16, "both workers tell of the same file"
    finish(tmp_path, job, list(set(made)))
    ids, _, vectors = everything(tmp_path)
    assert ids == list(range(16))
    np.testing.assert_allclose(vectors, x, atol=0.011)


def test_folder_of_images__a_keras_model__as_in_one_process(cluster, rng, tmp_path):
    import keras
    from PIL import Image

    for number in range(6):
        folder = tmp_path / "images" / "ab"[number % 2]
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 255, (8, 8, 3), dtype=np.uint8)).save(folder / f"{number}.png")
    inputs = keras.Input((8, 8, 3))
    model = keras.Model(inputs, keras.layers.Dense(4)(keras.layers.Flatten()(inputs)))
    embed(tmp_path / "images", model, tmp_path / "local", shard_rows=4)
    out, seen = tmp_path / "ray", set()

    def look(rows):
        seen.update(path.suffix for path in out.iterdir())

    embed(tmp_path / "images", model, out, shard_rows=4, executor="ray", workers=1, progress=look)
    assert seen - {".new"} == {".json", ".parquet"}, "no model, which a killed driver would leave"
    assert columns(tmp_path / "ray") == columns(tmp_path / "local")
    assert everything(tmp_path / "ray")[:2] == (
        ["a/0.png", "a/2.png", "a/4.png", "b/1.png", "b/3.png", "b/5.png"],
        ["a", "a", "a", "b", "b", "b"],
    )
    np.testing.assert_allclose(everything(tmp_path / "ray")[2], everything(tmp_path / "local")[2], atol=1e-6)


@pytest.fixture(scope="module")
def embedded(cluster, tmp_path_factory):
    """A Parquet file, and a folder of its embeddings that Ray made."""
    import pyarrow
    from pyarrow import parquet

    folder = tmp_path_factory.mktemp("parquet")
    x = np.random.default_rng(3).normal(size=(40, 3)).astype(np.float32)
    table = {
        "id": [f"i{n}" for n in range(40)],
        "x": list(x),
        "label": [n % 4 for n in range(40)],
        "price": list(range(40)),
    }
    parquet.write_table(pyarrow.table(table), folder / "rows.parquet", row_group_size=7)
    embed(folder / "rows.parquet", doubling, folder / "ray", shard_rows=9, executor="ray", workers=1)
    return folder, x


def test_parquet_file__as_in_one_process(embedded, tmp_path):
    folder, x = embedded
    embed(folder / "rows.parquet", doubling, tmp_path, shard_rows=9)
    assert columns(folder / "ray") == columns(tmp_path)
    np.testing.assert_array_equal(everything(folder / "ray")[2], 2 * x)


def test_cluster_that_was_there__goes_on(embedded):
    import ray

    assert ray.is_initialized()
    assert all(node["Alive"] for node in ray.nodes())


def test_index_build__takes_the_shards(embedded, tmp_path):
    folder, x = embedded
    command = [Path(sys.executable).with_name("keras-similarity"), "index", "build", folder / "ray", tmp_path / "index"]
    subprocess.run(list(map(str, command)), check=True, capture_output=True)
    with Index.open(tmp_path / "index") as index:
        found = index.search(2 * x, k=1)
        assert [ids[0] for ids in found.ids.tolist()] == [f"i{n}" for n in range(40)]
        assert [labels[0] for labels in found.labels.tolist()] == [n % 4 for n in range(40)]
        assert index.get(["i7"])[0].metadata == {"price": 7}


def test_drivers_killed_on_ray_and_beside_it__the_next_one_completes_the_rows(cluster, rng, tmp_path, monkeypatch):
    monkeypatch.setenv("RAY_ADDRESS", cluster)
    for kill, executor in enumerate(["ray", "ray", "local"]):
        kill_slow_driver(tmp_path, executor, after=8 * (kill + 1), wait=rng.uniform(0, 0.06))
    assert 0 < run_slowly(tmp_path, "ray").made < SLOW_SHARDS
    check_slow_rows(tmp_path)


OWN_CLUSTER = """
import json, os, sys
from pathlib import Path
import numpy as np
import ray
from keras_similarity.embed import Encoder, embed

def stop(rows):
    raise KeyboardInterrupt

def left():
    listed = [file.read_text().split() for file in Path("/proc/self/task").glob("*/children")]
    names = [Path(f"/proc/{process}/comm").read_text().strip() for processes in listed for process in processes]
    return [ray.is_initialized(), *(name for name in names if "raylet" in name)]

run = lambda progress: embed(
    np.ones((6, 3), "float32"),
    Encoder(lambda batch: 2 * batch, "vector", (3,), 3, "double"),
    sys.argv[1],
    shard_rows=1,
    executor="ray",
    workers=1,
    progress=progress,
)
try:
    run(stop)
except KeyboardInterrupt:
    stopped = left()
made = run(None).made
print(json.dumps([stopped, made, left()]))
"""


def test_cluster_of_its_own__ends_with_the_run_however_it_ends(tmp_path, monkeypatch):
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    command = [sys.executable, "-c", OWN_CLUSTER, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    stopped, made, left = json.loads(done.stdout.strip().splitlines()[-1])
    assert stopped == left == [False]
    assert 0 < made < 6, "the first run left at least one shard"


def test_node_and_its_worker_killed__every_row_once(tmp_path):
    script = Path(__file__).parents[2] / "benchmarks" / "bulk" / "cluster.py"
    options = ["--rows", "4000", "--shard-rows", "100", "--kill", "--check"]
    command = [sys.executable, str(script), str(tmp_path / "out"), *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ)
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout.strip().splitlines()[-1])
    assert found["killed"] == 1
    assert found["nodes"] == 2
    assert (found["rows"], found["distinct"], found["wrong"]) == (4000, 4000, 0)
