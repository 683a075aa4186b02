"""A calibrated index says which label a query has, or none."""

import numpy as np

import keras_similarity as ks
from serve.serving import running


def test_match__near_gets_a_label_and_far_gets_none(tmp_path, rng):
    centres = np.eye(3)[:2]
    rows = np.repeat(centres, 40, axis=0) + 0.05 * rng.normal(size=(80, 3))
    labels = np.repeat(["east", "north"], 40).tolist()
    with ks.Index(3, store=tmp_path / "map.index") as index:
        index.add(rows, labels)
        queries = np.concatenate([rows + 0.05 * rng.normal(size=rows.shape), np.tile([0.0, 0, 1], (20, 1))])
        results = ks.calibrate.calibrate(index, queries, [*labels, *["nowhere"] * 20])
        expected = ks.calibrate.match(index.search(queries[::10], results.k), results, no_match_label="none")
    results.save(tmp_path / "map.index" / "calibration.npz")
    with running(tmp_path / "map.index") as client:
        path = "/v1/indexes/map/match"
        found = client.ask("POST", path, {"vectors": queries[::10].tolist()})[2]["results"]
        assert [one["label"] or "none" for one in found] == expected.labels
        assert [one["matched"] for one in found] == [label != "none" for label in expected.labels]
        assert {one["label"] for one in found} == {"east", "north", None}
        np.testing.assert_allclose([one["probability"] for one in found], expected.probabilities)
        assert client.ask("GET", "/v1/indexes/map")[2]["calibrated"] is True
        status, _, body = client.ask("POST", path, {"vector": [0, 0, 1], "cutpoint": "best"})
        assert (status, "optimal" in body["detail"]) == (422, True)
