"""What the table of docs/databases.md says of stores and engines, and what the tests of its columns are run with."""

import itertools
import re

from guides import text_of
from keras_similarity.core.distances import DISTANCES
from keras_similarity.index.engines import APPROXIMATE
from keras_similarity.index.engines.spaces import SPACES
from keras_similarity.index.remote.milvus.schema import METRICS as OF_MILVUS
from keras_similarity.index.remote.postgres.pgvector import OPERATORS as OF_POSTGRES
from keras_similarity.index.remote.qdrant.state import METRICS as OF_QDRANT

STORES = {
    "memory": "memory",
    "folder": "disk",
    "PostgreSQL": "postgres",
    "Milvus": "milvus",
    "Qdrant, local mode of its client": "qdrant",
    "Qdrant, engine of qdrant-edge-py": "qdrant_engine",
}
NAMES = sorted(distance.name for distance in DISTANCES)  # without those that other tests register
ENGINES = {"HNSW": "auto"}  # which is what builds the graph of a database
OF_DATABASES = {"postgres": OF_POSTGRES, "milvus": OF_MILVUS, "qdrant": OF_QDRANT, "qdrant_engine": OF_QDRANT}


def said(column):
    """The stores and engines with a word in a column of the page's table, counted from 0."""
    table = text_of("databases.md").partition("## What is tested where")[2]
    rows = [line[1:-1].split("|") for line in re.findall(r"^\|.*\|$", table, re.M)[2:]]
    return {
        (STORES[where.strip()], ENGINES.get(engine, engine))
        for where, engines, *cells in rows
        for engine in engines.strip().split(", ")
        if cells[column].strip()
    }


def distances_of(store, engine):
    """The names of the distances that an engine has."""
    if store in OF_DATABASES:
        return sorted(OF_DATABASES[store])
    if engine == "exact":
        return NAMES
    return [name for name in NAMES if SPACES[name].metric in APPROXIMATE[engine].metrics]


def run_with(test, names, **fixed):
    """The combinations of values that a test is run with.

    Args:
        test: A function with marks of its parameters.
        names: Which of them.
        fixed: Lists of values for names that are no parameters of this test, since each run has all of them.
    """
    choices = [[{name: value} for value in values] for name, values in fixed.items()]
    for mark in getattr(test, "pytestmark", ()):
        if mark.name == "parametrize":
            argnames = mark.args[0].split(",") if isinstance(mark.args[0], str) else mark.args[0]
            choices.append([_named(argnames, value) for value in mark.args[1]])
    combinations = [{k: v for one in chosen for k, v in one.items()} for chosen in itertools.product(*choices)]
    for values in combinations:
        values.setdefault("store", values.get("database"))
        if values["store"] == "qdrant":  # the local mode has no graph, whatever was asked for
            values["engine"] = "exact"
    return {tuple(values[name] for name in names) for values in combinations}


def _named(argnames, value):
    """One set of values by the names of the parameters; `pytest.param` has them with its marks."""
    values = value.values if hasattr(value, "marks") else value if len(argnames) > 1 else [value]
    return dict(zip(argnames, values, strict=True))
