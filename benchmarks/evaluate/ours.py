"""One call of ours in a process of its own: CPU seconds outside of its searches, and memory over the index."""

import json
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from evaluate.data import read
from losses.memory import peak_mb, reset_peak
from measure import versions

from keras_similarity.calibrate import calibrate, match
from keras_similarity.evaluate import evaluate_classification, evaluate_retrieval
from keras_similarity.index import Index

RUNS = 3
METRICS = ("recall@1", "recall@5", "precision@5", "map@5", "ndcg@5")
TARGETS = {"precise": "precision >= 0.95"}


class Timed(Index):
    """An index that tells how long it was searched: what a call costs beyond that is the call's own."""

    searching = 0.0

    def search(self, *arguments, **options):
        started = time.process_time()
        result = super().search(*arguments, **options)
        self.searching += time.process_time() - started
        return result


def main(what, path, k):
    gallery, labels, queries, query_labels = read(path)
    index = Timed(gallery.shape[1], "euclidean")
    index.add(gallery, labels)
    del gallery
    calibration = calibrate(index, queries[:2000], query_labels[:2000], TARGETS, k=k) if what == "match" else None
    cutpoints = {"optimal": 500.0, "precise": 300.0}
    calls = {
        "calibrate": lambda: calibrate(index, queries, query_labels, TARGETS, k=k),
        "evaluate_classification": lambda: evaluate_classification(index, queries, query_labels, cutpoints, k=k),
        "match": lambda: match(index.search(queries, k), calibration, "all"),
        "evaluate_retrieval": lambda: evaluate_retrieval(index, queries, query_labels, METRICS),
    }
    index.search(queries[:10], k)
    before, over, whole = reset_peak(), [], []
    for _ in range(RUNS):
        index.searching, started = 0.0, time.process_time()
        calls[what]()
        whole.append(time.process_time() - started)
        over.append(whole[-1] - index.searching)
    sys.stdout.write(
        json.dumps(
            {
                "cpu_s_over_search": sorted(over)[RUNS // 2],
                "cpu_s_whole": sorted(whole)[RUNS // 2],
                "mb_over_index": peak_mb() - before,
                "versions": versions("numpy"),
            }
        )
    )


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
