"""The peer: a bare Litestar application around a faiss graph, without keys, limits, metrics or logs."""

import sys

import faiss
import msgspec
import numpy as np
import uvicorn
from litestar import Litestar, post
from vectors import clustered


class Query(msgspec.Struct):
    vector: list[float]
    k: int = 10


def main(port):
    rows = clustered(10_000, 64)
    faiss.normalize_L2(rows)
    index = faiss.IndexHNSWFlat(64, 16, faiss.METRIC_INNER_PRODUCT)
    index.add(rows)
    faiss.omp_set_num_threads(1)

    @post("/query", status_code=200)
    async def query(data: Query) -> dict:
        similarities, ids = index.search(np.array([data.vector], np.float32), data.k)
        found = zip(ids[0].tolist(), similarities[0].tolist(), strict=True)
        return {"results": [{"id": item, "label": f"c{item % 100}", "distance": 1 - near} for item, near in found]}

    uvicorn.run(Litestar([query]), host="127.0.0.1", port=port, log_level="error", access_log=False)


if __name__ == "__main__":
    main(int(sys.argv[1]))
