import json
import re

import numpy as np
import pytest

from keras_similarity.visualization import project, projector

for package in ("plotly", "PIL"):
    pytest.importorskip(package, reason="an extra (viz); make test-all has it")


def points(page):
    found = re.search(r'<script type="application/json" id="map-points">(.*?)</script>', page.html, re.S)
    return json.loads(found[1])


def test_map__has_each_item_once__where_pca_puts_it(rng, tmp_path):
    rows = rng.normal(size=(30, 5)).astype(np.float32)
    labels = rng.choice(["a", "b", "c"], 30)
    page = projector(rows, labels, class_mapping={"a": "</script><b>"}, tooltips_info={"row": range(30)}, method="pca")
    traces = points(page)["traces"]
    assert {trace["name"] for trace in traces} == {"&lt;/script&gt;&lt;b&gt;", "b", "c"}
    assert len({(trace["color"], trace["symbol"]) for trace in traces}) == 3
    order = np.concatenate([trace["rows"] for trace in traces])
    assert sorted(order) == list(range(30))
    drawn = np.array([[x, y] for trace in traces for x, y in zip(trace["x"], trace["y"], strict=True)])
    np.testing.assert_allclose(drawn, project(rows, method="pca")[order], atol=1e-4)
    assert traces[-1]["texts"][0].endswith(f"row: {traces[-1]['rows'][0]}")
    assert page.save(tmp_path / "map.html").stat().st_size > 1_000_000
    assert "srcdoc" in page._repr_html_()


def test_plane__is_drawn_as_it_is__and_images_are_sheets_of_256(rng):
    plane = rng.normal(size=(300, 2)).astype(np.float32)
    found = points(projector(plane, images=rng.random((300, 9, 9)), image_size=8))
    np.testing.assert_allclose(found["traces"][0]["x"], plane[:, 0], atol=1e-4)
    assert len(found["sheets"]) == 2


def test_many_labels__the_rare_ones_share_a_look():
    traces = points(projector(np.random.default_rng(0).normal(size=(60, 2)), [*range(50), *range(10)]))["traces"]
    assert len(traces) == 41
    assert traces[-1]["name"] == "other labels"
    assert {str(number) for number in range(10)} <= {trace["name"] for trace in traces}


def test_no_rows__and_bad_lengths():
    assert points(projector(np.empty((0, 3))))["traces"] == []
    with pytest.raises(ValueError, match="`images` needs one entry per row"):
        projector(np.eye(3), images=[None])
    with pytest.raises(ValueError, match="`labels` needs one entry per row"):
        projector(np.eye(3), ["a"])


def test_names_with_numbers__stand_in_their_order():
    labels = [10, 9, 2, "b 10", "b 9", 100, "é"]
    traces = points(projector(np.random.default_rng(0).normal(size=(7, 2)), labels))["traces"]
    assert [trace["name"] for trace in traces] == ["2", "9", "10", "100", "b 9", "b 10", "é"]
