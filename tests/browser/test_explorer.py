"""The explorer page as a person uses it."""

import base64
import io
import json
import urllib.request

import numpy as np
import pytest
from PIL import Image as image

import keras_similarity as ks
from browser.conftest import wait_for_map
from browser.looking import embeddings, looking_at, make_wardrobe, pictures
from keras_similarity.calibrate import calibrate
from keras_similarity.core.pictures import png

pytestmark = pytest.mark.browser

DROP = """([text, name, type]) => {
    const bytes = Uint8Array.from(atob(text), (one) => one.charCodeAt(0));
    const files = new DataTransfer();
    files.items.add(new File([bytes], name, { type }));
    document.body.dispatchEvent(new DragEvent("drop", { dataTransfer: files, bubbles: true, cancelable: true }));
}"""


def drop(page, content, name="new.png", kind="image/png"):
    page.evaluate(DROP, [base64.b64encode(content).decode(), name, kind])


def wait_until_said(page, words):
    page.wait_for_function("(words) => document.getElementById('said').textContent.includes(words)", arg=words)


def neighbors(page):
    return page.locator("#neighbors .card").all_inner_texts()


def test_an_image_dropped__shows_its_nearest_items_with_pictures(wardrobe, served):
    images, _ = pictures(np.random.default_rng(5), 8)
    with ks.Index.open(served[1], read_only=True) as index:
        expected = index.search(embeddings(images[:1]), 12)[0]
    drop(wardrobe, png(images[0]))
    wardrobe.wait_for_selector("#neighbors .card img")
    cards = neighbors(wardrobe)
    assert [card.split("id ")[1].split()[0] for card in cards] == expected.ids.tolist()
    assert f"{expected.distances[0]:.3g}"[:4] in cards[0]
    assert expected.labels[0] in wardrobe.locator("#said").inner_text()
    wardrobe.wait_for_function("document.querySelector('#neighbors .card img').naturalWidth > 0")


def test_no_image_dropped__says_what_to_drop(served, open_page):
    page = open_page(served[0], refused="status of 415")
    wait_for_map(page)
    drop(page, b"words", "a.txt", "text/plain")
    assert "Drop an image" in page.locator("#said").inner_text()
    drop(page, b"no image at all", "a.png")
    wait_until_said(page, "must be a whole image")


def go_to_a_point(page):
    place = page.evaluate("""() => {
        const plot = document.getElementById("map"), trace = plot.data.find((one) => one.visible === true);
        const { xaxis, yaxis } = plot._fullLayout, box = plot.getBoundingClientRect();
        return [box.x + xaxis.l2p(trace.x[3]) + xaxis._offset, box.y + yaxis.l2p(trace.y[3]) + yaxis._offset];
    }""")
    page.mouse.move(*place)
    page.wait_for_timeout(300)  # plotly looks for points now and then


def click_a_ring(page):
    page.click("#none")
    page.check("#labels label:has-text('ring') input")
    go_to_a_point(page)
    page.mouse.down()
    page.mouse.up()


def test_a_point_clicked__shows_its_neighbours_and_where_they_are(wardrobe):
    click_a_ring(wardrobe)
    wardrobe.wait_for_selector("#neighbors .card")
    assert "ring" in neighbors(wardrobe)[0]
    assert len(wardrobe.evaluate("document.getElementById('map').data.at(-1).x")) == 1  # the item itself, on top


def test_a_point_of_a_map_that_was_drawn_anew_elsewhere__says_so(own_served, open_page):
    address, _ = own_served
    page = open_page(address, refused="status of 409")
    wait_for_map(page)
    with urllib.request.urlopen(f"{address}/v1/indexes/wardrobe/map?renew=true") as answer:
        assert answer.status == 200
    click_a_ring(page)
    wait_until_said(page, "is not the one there is now")


def test_a_server_that_is_gone__is_told_of(served, open_page):
    page = open_page(served[0], refused="ERR_INTERNET_DISCONNECTED")
    wait_for_map(page)
    page.context.set_offline(True)
    page.fill("#words", "p7")
    page.keyboard.press("Enter")
    wait_until_said(page, "The server does not answer.")


def test_a_lasso__selects_what_is_inside_and_exports_it_safely(wardrobe):
    wardrobe.click("#lasso")
    box = wardrobe.locator("#map").bounding_box()
    corners = [(0.02, 0.02), (0.98, 0.02), (0.98, 0.98), (0.02, 0.98), (0.02, 0.05)]
    at = [(box["x"] + box["width"] * x, box["y"] + box["height"] * y) for x, y in corners]
    wardrobe.mouse.move(*at[0])
    wardrobe.mouse.down()
    for corner in at[1:]:
        wardrobe.mouse.move(*corner, steps=8)
    wardrobe.mouse.up()
    wardrobe.wait_for_selector("#selection .lines li")
    assert wardrobe.locator("#selection h2").inner_text() == "401 selected"
    with wardrobe.expect_download() as csv:
        wardrobe.click("text=Export CSV")
    lines = csv.value.path().read_bytes().decode().split("\r\n")
    assert lines[0] == '"id","label"'
    assert len(lines) == 403
    assert any(line.startswith('"\'=copy",') for line in lines)  # no spreadsheet takes it for a formula
    with wardrobe.expect_download() as exported:
        wardrobe.click("text=Export JSON")
    assert json.loads(exported.value.path().read_text())[-1]["id"] == "=copy"
    wardrobe.click("text=Clear")
    assert wardrobe.evaluate("document.getElementById('map').layout.selections.length") == 0


def test_the_threshold__slid_to_nothing__makes_everything_unknown(wardrobe):
    wardrobe.click("#tab-threshold")
    slider = wardrobe.locator("#slider")
    slider.wait_for()
    before = wardrobe.locator("#told [role=status]").inner_text()
    assert "would be unknown" in before
    slider.focus()
    wardrobe.keyboard.press("Home")
    after = wardrobe.locator("#told [role=status]").inner_text()
    assert after != before
    assert "Of 401 items, 399 (99.5 %) would be unknown" in after  # all but the item and its copy, at distance 0
    assert len(wardrobe.evaluate("document.getElementById('map').data.at(-1).x")) == 399
    wardrobe.keyboard.press("End")
    assert "0 (0.0 %) would be unknown" in wardrobe.locator("#told [role=status]").inner_text()
    wardrobe.click("text=sure (precision >= 0.99)")
    assert "precision 0.99" in wardrobe.locator("#told").inner_text()


def test_thresholds_made_anew__are_shown_when_the_panel_is_opened_again(own_served, open_page):
    address, folder = own_served
    page = open_page(address)
    wait_for_map(page)
    page.click("#tab-threshold")
    page.wait_for_selector("text=sure (precision >= 0.99)")
    page.click("#tab-neighbors")
    others, truth = pictures(np.random.default_rng(8), 300)
    with ks.Index.open(folder, read_only=True) as index:
        made = calibrate(index, embeddings(others), truth.tolist(), {"surer": "precision >= 0.999"}, k=3)
    made.save(folder / "calibration.npz")  # as the command line does, beside a server that runs
    asked = urllib.request.Request(f"{address}/v1/indexes/wardrobe/reload", b"{}", {"content-type": "application/json"})
    urllib.request.urlopen(asked).close()
    page.click("#tab-threshold")
    page.wait_for_selector("text=surer (precision >= 0.999)")
    assert "of 3 neighbours" in page.locator("#threshold").inner_text()
    assert page.locator("text=sure (precision >= 0.99)").count() == 0


def test_a_suspicious_label__is_found_and_put_right_in_the_index(own_wardrobe):
    wardrobe, folder = own_wardrobe
    wardrobe.click("#tab-review")
    wardrobe.click("#find-issues")
    wardrobe.wait_for_selector(".findings form")
    assert "bar → ring?" in wardrobe.locator(".findings").inner_text()
    wardrobe.click(".findings >> text=Relabel")
    wait_until_said(wardrobe, "is ring now")
    with ks.Index.open(folder, read_only=True) as index:
        record = index.get([wardrobe.locator(".findings small").inner_text().removeprefix("id ").split(",")[0]])[0]
    assert record.label == "ring"
    assert record.data.shape == (14, 14)  # what was kept beside it is still there
    wardrobe.click("#renew")
    wardrobe.wait_for_function("document.querySelector('#renew').hidden")


def test_a_label_that_is_a_number__stays_one(tmp_path, open_page):
    labels = [4, 9] * 30
    labels[10] = 9
    vectors = np.eye(2)[np.arange(60) % 2] * 20 + np.random.default_rng(3).normal(size=(60, 2))
    with ks.Index(2, store=tmp_path / "odd.index", distance="euclidean") as index:
        index.add(vectors, labels)
    with looking_at(tmp_path / "odd.index") as address:
        page = open_page(address)
        wait_for_map(page)
        page.click("#tab-review")
        page.click("#find-issues")
        page.click(".findings >> text=Relabel")
        wait_until_said(page, "item 10 is 4 now")
    with ks.Index.open(tmp_path / "odd.index", read_only=True) as index:
        assert index.get([10])[0].label == 4


def test_a_duplicate__is_found_and_removed(own_wardrobe):
    wardrobe, folder = own_wardrobe
    wardrobe.on("dialog", lambda dialog: dialog.accept())
    wardrobe.click("#tab-review")
    wardrobe.click("#find-duplicates")
    wardrobe.wait_for_selector("[aria-label='Remove =copy']")
    wardrobe.click("[aria-label='Remove =copy']")
    wardrobe.wait_for_selector("text==copy was removed")
    with ks.Index.open(folder, read_only=True) as index:
        assert len(index) == 400


def test_more_pictures_than_are_kept__are_all_shown(tmp_path, open_page):
    images, labels = pictures(np.random.default_rng(5), 450)
    with ks.Index(2, store=tmp_path / "same.index") as index:
        index.add(np.ones((450, 2)), labels.tolist(), data=images)
    with looking_at(tmp_path / "same.index") as address:
        page = open_page(address)
        wait_for_map(page)
        page.click("#tab-review")
        page.click("#find-duplicates")
        shown = "[...document.querySelectorAll('.findings img')].filter((one) => one.naturalWidth).length"
        page.wait_for_function(f"{shown} === 450")


def test_the_keyboard_alone__reaches_neighbours_map_and_selection(wardrobe):
    def tab_to(selector):
        for _ in range(60):
            wardrobe.keyboard.press("Tab")
            if wardrobe.evaluate(f"document.activeElement.matches({json.dumps(selector)})"):
                return
        pytest.fail(f"{selector} is not reached by Tab")

    ranges = "document.getElementById('map').layout.xaxis.range.join()"
    tab_to("#words")
    wardrobe.keyboard.type("p7")
    wardrobe.keyboard.press("Enter")
    wardrobe.wait_for_selector("#neighbors .card")
    tab_to("#view")
    tab_to("#map")
    whole = wardrobe.evaluate(ranges)
    wardrobe.keyboard.press("+")
    wardrobe.keyboard.press("ArrowLeft")
    assert wardrobe.evaluate(ranges) != whole
    wardrobe.keyboard.press("0")
    assert wardrobe.evaluate(ranges) == whole
    tab_to("#tab-neighbors")
    tab_to(".card")
    wardrobe.keyboard.press("Enter")
    wardrobe.wait_for_function("!document.querySelector('#neighbors h2').textContent.includes('p7')")
    wardrobe.focus("#tab-neighbors")
    wardrobe.keyboard.press("ArrowRight")
    assert wardrobe.locator("#selection").is_visible()
    wardrobe.focus("#view")
    wardrobe.keyboard.press("Enter")
    wardrobe.wait_for_selector("#selection .lines button")
    assert "401 items selected" in wardrobe.locator("#said").inner_text()  # which a screen reader speaks
    unnamed = wardrobe.evaluate("""() => [...document.querySelectorAll("button, input, select")].filter((one) =>
        !(one.getAttribute("aria-label") || one.labels?.length || one.textContent.trim())).length""")
    assert unnamed == 0


def test_a_server_with_keys__asks_for_one_and_keeps_it_in_memory(tmp_path, open_page):
    make_wardrobe(tmp_path / "wardrobe.index", count=60)
    with looking_at(tmp_path / "wardrobe.index", read=["a-key-that-may-only-read"]) as address:
        page = open_page(address, refused="status of 401")
        for key in ("a-key-that-is-not-one", "a-key-that-may-only-read"):
            page.wait_for_selector("#key[open]")
            page.fill("#key-value", key)
            page.keyboard.press("Enter")
        wait_for_map(page)
        assert page.context.cookies() == []
        assert page.evaluate("localStorage.length + sessionStorage.length") == 0


def test_more_points_than_are_drawn__come_when_somebody_looks_closer(tmp_path, open_page):
    make_wardrobe(tmp_path / "wardrobe.index", count=2000)
    with looking_at(tmp_path / "wardrobe.index", points=300) as address:
        page = open_page(address)
        wait_for_map(page)
        assert page.locator("#drawn").inner_text() == "300 of 2,001 drawn"
        for _ in range(7):
            page.click("#in")
        page.wait_for_function("!document.getElementById('drawn').textContent.includes('2,001')")
        page.click("#whole")
        page.wait_for_function("document.getElementById('drawn').textContent === '300 of 2,001 drawn'")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_map__is_drawn_in_the_colours_of_the_page(served, open_page, scheme):
    """Without `Function`, which the policy must allow, plotly draws nothing and says nothing."""
    page = open_page(served[0], color_scheme=scheme)
    wait_for_map(page)
    page.wait_for_timeout(500)
    shown = np.asarray(image.open(io.BytesIO(page.locator("#map").screenshot())).convert("RGB")).reshape(-1, 3)
    colors, counts = np.unique(shown, axis=0, return_counts=True)
    background = colors[counts.argmax()].mean()
    assert background > 240 if scheme == "light" else background < 40
    hues = np.abs(shown.astype(int) - shown.mean(axis=1, keepdims=True)).max(axis=1) > 40
    assert hues.sum() > 2000


def test_a_label_that_looks_like_markup__is_text(tmp_path, open_page):
    label = "<img src=x onerror=alert(1)>%{x}</b>"
    with ks.Index(3, store=tmp_path / "odd.index") as index:
        index.add(np.random.default_rng(3).normal(size=(20, 3)), [label] * 20, ids=[f"<b>{row}" for row in range(20)])
    with looking_at(tmp_path / "odd.index") as address:
        page = open_page(address)
        wait_for_map(page)
        assert label in page.locator("#labels").inner_text()
        go_to_a_point(page)
        assert page.locator(".hoverlayer text").text_content() == label.replace("%{", "% {")  # or plotly fills it in
        page.fill("#words", "<b>3")
        page.keyboard.press("Enter")
        page.wait_for_selector("#neighbors .card")
        assert "<b>" in page.locator("#neighbors h2").inner_text()
        assert page.locator("#neighbors b, #labels img").count() == 0
        page.wait_for_load_state("networkidle")  # before its server ends
