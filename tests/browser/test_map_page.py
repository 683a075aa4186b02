"""The page of `projector` as a reader opens it: a file, and no network."""

import numpy as np
import pytest

from keras_similarity.visualization import projector

pytestmark = pytest.mark.browser

for package in ("plotly", "PIL"):
    pytest.importorskip(package, reason="an extra (viz); make test-all has it")


@pytest.fixture
def asked():
    """The addresses that the page asks for."""
    return []


@pytest.fixture
def map_page(chromium, tmp_path, asked):
    """Two items far apart, each with a picture, drawn."""
    images = np.zeros((2, 16, 16))
    file = projector([[0.0, 0.0], [1.0, 1.0]], ["left", "right"], images=images).save(tmp_path / "map.html")
    page = chromium.new_page(viewport={"width": 1000, "height": 800})
    said = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(file.as_uri())
    page.wait_for_function("document.querySelectorAll('#map canvas').length > 0")
    yield page
    page.close()
    assert said == []


def test_map__has_no_button_that_uploads_it__and_asks_for_nothing(map_page, asked):
    titles = map_page.locator(".modebar-btn").evaluate_all("all => all.map(one => one.dataset.title)")
    assert "Pan" in titles
    assert not [title for title in titles if "share" in title.lower() or "cloud" in title.lower()]
    assert [url for url in asked if not url.startswith(("file:", "blob:", "data:"))] == []


def test_point_under_the_pointer__shows_its_picture_and_label(map_page):
    x, y = map_page.evaluate(
        "() => { const map = document.getElementById('map'), at = map._fullLayout, box = map.getBoundingClientRect();"
        "return [box.x + at.xaxis._offset + at.xaxis.l2p(1), box.y + at.yaxis._offset + at.yaxis.l2p(1)]; }"
    )
    map_page.mouse.move(x - 3, y - 3)
    map_page.mouse.move(x, y)
    map_page.wait_for_selector("#map-card:not([hidden])")
    assert map_page.locator("#map-card").inner_text().strip() == "right"
    picture = map_page.locator("#map-card > div").first
    assert "-64px" in picture.evaluate("one => one.style.backgroundPosition")


def test_wheel__moves_the_page__until_somebody_clicks_into_the_map(map_page):
    map_page.evaluate("document.body.style.paddingBottom = '2000px'")
    box = map_page.locator("#map").bounding_box()
    ranges = "document.getElementById('map').layout.xaxis.range.map((one) => one.toFixed(6)).join()"
    map_page.mouse.move(box["x"] + 300, box["y"] + 200)
    whole = map_page.evaluate(ranges)
    map_page.mouse.wheel(0, 150)
    map_page.wait_for_function("scrollY > 100")
    assert map_page.evaluate(ranges) == whole
    map_page.evaluate("scrollTo(0, 0)")
    map_page.mouse.click(box["x"] + 300, box["y"] + 200)
    map_page.mouse.wheel(0, 150)
    map_page.wait_for_function(f"{ranges} !== '{whole}'")
    assert map_page.evaluate("scrollY") == 0
