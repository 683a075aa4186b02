"""One measurement of an index in PostgreSQL beside psycopg and pgvector by themselves: JSON on the last line."""

import json
import sys

import numpy as np
import psycopg
from pgvector.psycopg import register_vector
from turns import DIM, KEPT, LEAST_RECALL, K, clusters, compared, over_the_peer, recall_of, seconds, true_neighbors

from keras_similarity import Index

EFFORTS = (40, 56, 80, 120, 180, 270, 400)  # from pgvector's default up
MEMORY = "512 MB"


def raw_connection(uri):
    connection = psycopg.connect(uri, autocommit=True)
    connection.execute("CREATE EXTENSION IF NOT EXISTS vector")
    register_vector(connection)
    return connection


def raw_table(connection, name):
    connection.execute(f"DROP TABLE IF EXISTS {name}")
    connection.execute(f"CREATE TABLE {name} (id bigint PRIMARY KEY, label int, embedding vector({DIM}))")


def raw_copy(connection, name, rows):
    """Binary COPY, as pgvector's own documentation shows it."""
    statement = f"COPY {name} (id, label, embedding) FROM STDIN WITH (FORMAT binary)"
    with connection.cursor().copy(statement) as copy:
        copy.set_types(["int8", "int4", "vector"])
        for number, row in enumerate(rows):
            copy.write_row((number, number % 100, row))


def inserting(uri, url, count):
    rows, _ = clusters(count)
    labels = (np.arange(count) % 100).tolist()
    connection, times = raw_connection(uri), {"ours": [], "peer": []}
    for turn in range(5):
        raw_table(connection, f"raw_{turn}")
        times["peer"].append(seconds(lambda turn=turn: raw_copy(connection, f"raw_{turn}", rows)))
        with Index(DIM, store=f"{url}&table=bulk_{turn}") as index:
            times["ours"].append(seconds(lambda index=index: index.add(rows, labels)))
    return [over_the_peer("bulk insert, over a binary COPY", 1.5, times)]


def searching(uri, url, count):
    rows, queries = clusters(count)
    connection = raw_connection(uri)
    raw_table(connection, "raw")
    raw_copy(connection, "raw", rows)
    connection.execute(f"SET maintenance_work_mem = '{MEMORY.replace(' ', '')}'")
    connection.execute("CREATE INDEX ON raw USING hnsw (embedding vector_cosine_ops)")
    connection.execute("CREATE INDEX ON raw (label)")
    connection.execute("ANALYZE raw")
    index = Index(DIM, store=f"{url}&table=ours", memory=MEMORY)
    index.add(rows, (np.arange(count) % 100).tolist())
    report = index.build()
    statement = "SELECT id, embedding <=> %(q)s FROM raw ORDER BY embedding <=> %(q)s LIMIT 10"
    truth = true_neighbors(rows, queries, np.arange(count))

    def raw(query):
        return [row[0] for row in connection.execute(statement, {"q": query}, binary=True)]

    effort = raw_effort(connection, raw, queries[500:], truth[500:])
    result = compared(raw, lambda query: index.search(query[None], K).ids[0].tolist(), queries[:500], truth[:500])
    result |= {"what": "search, ms over psycopg and pgvector", "floor": 1.3, "peer_effort": effort}
    return [result | {"effort": report.effort, "rows": count}, *filtered(connection, index, rows, queries[:200])]


def raw_effort(connection, raw, queries, truth):
    """The least hnsw.ef_search that finds as many of the neighbours as is asked, for the peer as for us."""
    for effort in EFFORTS:
        connection.execute(f"SET hnsw.ef_search = {effort}")
        if recall_of([raw(query) for query in queries], truth) >= LEAST_RECALL:
            return effort
    sys.exit(f"the peer does not reach a recall of {LEAST_RECALL}")


def filtered(connection, index, rows, queries):
    """A hundredth of the rows: pgvector's iterative scan in relaxed order, and what we choose."""
    truth = true_neighbors(rows, queries, np.flatnonzero(np.arange(len(rows)) % 100 == KEPT))
    connection.execute("SET hnsw.iterative_scan = relaxed_order")
    # Without an index of the labels, or the planner reads those rows by itself: filters often have none.
    connection.execute("DROP INDEX raw_label_idx")
    statement = f"SELECT id FROM raw WHERE label = {KEPT} ORDER BY embedding <=> %(q)s LIMIT 10"

    def raw(query):
        return [row[0] for row in connection.execute(statement, {"q": query}, binary=True)]

    found = compared(
        raw, lambda query: index.search(query[None], K, where={"label": KEPT}).ids[0].tolist(), queries, truth
    )
    found |= {"what": "recall under a filter that keeps 1%", "ours": found["ours_recall"], "floor": LEAST_RECALL}
    return [found | {"at_least": True, "rows": len(rows)}]


if __name__ == "__main__":
    name, uri, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
    sys.stdout.write(json.dumps({"inserting": inserting, "searching": searching}[name](uri, uri, count)) + "\n")
