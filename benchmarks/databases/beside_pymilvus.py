"""One measurement of an index in Milvus beside pymilvus by itself: JSON on the last line."""

import json
import sys

import numpy as np
from pymilvus import DataType, MilvusClient
from turns import DIM, KEPT, LEAST_RECALL, K, clusters, compared, over_the_peer, recall_of, seconds, true_neighbors

from keras_similarity import Index

EFFORTS = (16, 24, 32, 48, 64, 96, 128, 192, 256)
BATCH = 10_000  # rows that pymilvus is given at a time: 64 MB is what the server takes


def raw_client(uri):
    return MilvusClient(uri, timeout=600.0)


def raw_collection(client, name):
    schema = MilvusClient.create_schema(auto_id=False)
    schema.add_field("id", DataType.INT64, is_primary=True)
    schema.add_field("label", DataType.INT64)
    schema.add_field("embedding", DataType.FLOAT_VECTOR, dim=DIM)
    index = MilvusClient.prepare_index_params()
    index.add_index("embedding", index_type="HNSW", metric_type="COSINE", params={"M": 16, "efConstruction": 128})
    client.create_collection(name, schema=schema, index_params=index, shards_num=1)


def raw_insert(client, name, rows):
    for start in range(0, len(rows), BATCH):
        part = rows[start : start + BATCH]
        client.insert(
            name,
            [{"id": start + n, "label": (start + n) % 100, "embedding": row} for n, row in enumerate(part)],
        )


def inserting(uri, url, count):
    rows, _ = clusters(count)
    labels = (np.arange(count) % 100).tolist()
    client, times = raw_client(uri), {"ours": [], "peer": []}
    for turn in range(3):
        raw_collection(client, f"raw_{turn}")
        times["peer"].append(seconds(lambda turn=turn: raw_insert(client, f"raw_{turn}", rows)))
        client.drop_collection(f"raw_{turn}")
        with Index(DIM, store=f"{url}?table=bulk_{turn}&timeout=600") as index:
            len(index)  # when it is loaded
            times["ours"].append(seconds(lambda index=index: index.add(rows, labels)))
        client.drop_collection(f"bulk_{turn}")
    return [over_the_peer("Milvus: bulk insert, over pymilvus", 4, times)]


def searching(uri, url, count):
    rows, queries = clusters(count)
    client = raw_client(uri)
    raw_collection(client, "raw")
    raw_insert(client, "raw", rows)
    client.flush("raw")
    client.refresh_load("raw")
    index = Index(DIM, store=f"{url}?table=ours&timeout=600")
    index.add(rows, (np.arange(count) % 100).tolist())
    report = index.build()
    truth = true_neighbors(rows, queries, np.arange(count))

    def raw(query, effort, **options):
        params = {"metric_type": "COSINE", "params": {"ef": effort}}
        found = client.search("raw", query[None], limit=K, search_params=params, **options)
        return [hit["id"] for hit in found[0]]

    effort = raw_effort(raw, queries[500:], truth[500:])
    result = compared(
        lambda query: raw(query, effort),
        lambda query: index.search(query[None], K).ids[0].tolist(),
        queries[:500],
        truth[:500],
    )
    result |= {"what": "Milvus: search, ms over pymilvus", "floor": 1.3, "peer_effort": effort, "effort": report.effort}
    kept = true_neighbors(rows, queries[:200], np.flatnonzero(np.arange(count) % 100 == KEPT))
    under = compared(
        lambda query: raw(query, effort, filter=f"label == {KEPT}"),
        lambda query: index.search(query[None], K, where={"label": KEPT}).ids[0].tolist(),
        queries[:200],
        kept,
    )
    under |= {
        "what": "Milvus: recall under a filter that keeps 1%",
        "ours": under["ours_recall"],
        "floor": LEAST_RECALL,
    }
    return [result | {"rows": count}, under | {"at_least": True, "rows": count}]


def raw_effort(raw, queries, truth):
    """The least ef that finds as many of the neighbours as is asked, for the peer as for us."""
    for effort in EFFORTS:
        if recall_of([raw(query, effort) for query in queries], truth) >= LEAST_RECALL:
            return effort
    sys.exit(f"the peer does not reach a recall of {LEAST_RECALL}")


if __name__ == "__main__":
    name, port, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
    rows = {"inserting": inserting, "searching": searching}[name](
        f"http://127.0.0.1:{port}", f"milvus://127.0.0.1:{port}", count
    )
    sys.stdout.write(json.dumps(rows) + "\n")
