"""All metrics of AccuracyCalculator, by ours or by pytorch-metric-learning with faiss: CPU seconds and memory."""

import json
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from evaluate.data import read
from losses.memory import peak_mb, reset_peak
from measure import versions

MOST = 6000  # items of the largest class: as deep as the peer looks


def ours(gallery, labels, queries, query_labels):
    from keras_similarity.evaluate import evaluate_clustering, evaluate_embeddings

    names = {
        "precision_at_1": "precision@1",
        "r_precision": "r_precision",
        "mean_average_precision_at_r": "map@r",
        "mean_average_precision": f"map@{MOST}",
        "mean_reciprocal_rank": f"mrr@{MOST}",
    }

    def call():
        report = evaluate_embeddings(
            queries, query_labels, gallery, labels, list(names.values()), distance="squared_euclidean"
        )
        found = {peers: report.mean()[name] for peers, name in names.items()}
        clusters = evaluate_clustering(queries, query_labels, metrics=["nmi", "ami"])
        return found | {"NMI": clusters["nmi"], "AMI": clusters["ami"]}

    return call


def peer(gallery, labels, queries, query_labels):
    import torch
    from pytorch_metric_learning.utils.accuracy_calculator import AccuracyCalculator

    calculator = AccuracyCalculator(k="max_bin_count", device=torch.device("cpu"))
    tensors = [torch.tensor(array) for array in (queries, query_labels, gallery, labels)]
    return lambda: calculator.get_accuracy(*tensors)


def main(who, path):
    call = {"ours": ours, "peer": peer}[who](*read(path))
    before, started = reset_peak(), time.process_time()
    values = call()
    cpu = time.process_time() - started
    found = versions("numpy", "torch", "faiss-cpu", "pytorch-metric-learning")
    sys.stdout.write(json.dumps({"cpu_s": cpu, "mb": peak_mb() - before, "values": values, "versions": found}))


if __name__ == "__main__":
    main(*sys.argv[1:])
