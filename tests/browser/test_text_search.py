"""Searching by words on the explorer page, with a real model of texts behind it."""

import numpy as np
import pytest

from browser.conftest import wait_for_map
from serve.programs import serving
from serve.text_shelf import TEXTS, make_text_shelf

pytest.importorskip("keras", reason="the text model is Keras's; make test-all has it")
pytestmark = [pytest.mark.browser, pytest.mark.training]

ODD = "<b>é 猫 & cats</b>"


@pytest.fixture(scope="module")
def texts(tmp_path_factory):
    """The address of a server over texts and the model that embedded them, and what that model thinks is nearest."""
    folder = tmp_path_factory.mktemp("texts")
    model = make_text_shelf(folder)
    rows = model.embed(TEXTS)

    def nearest(words):
        return [TEXTS[row] for row in np.argsort(1 - rows @ model.embed([words])[0])]

    with serving(folder / "shelf.index", "--encoder", folder / "texts.keras", "--explorer") as client:
        yield client.address, nearest


@pytest.fixture
def page(texts, open_page):
    """A page over these texts, drawn."""
    opened = open_page(texts[0])
    wait_for_map(opened)
    return opened


def find(page, words):
    page.fill("#words", words)
    page.click("#search button")
    page.wait_for_function("(words) => document.querySelector('#neighbors h2').textContent.includes(words)", arg=words)


def test_words__find_what_the_model_finds__nearest_first(texts, page):
    _, nearest = texts
    assert page.locator("#kind").input_value() == "text"  # what this server is asked by, without being told
    for words in ("a car", "boats on the sea"):
        find(page, words)
        assert page.locator("#neighbors .card strong").all_inner_texts() == nearest(words)
        assert nearest(words)[0] in page.locator("#said").inner_text()
    page.wait_for_selector(f"#neighbors .card q:has-text({nearest(words)[0]!r})")  # the text kept beside it
    assert len(page.evaluate("document.getElementById('map').data.at(-1).x")) == len(TEXTS)  # ringed on the map


def test_words_that_look_like_markup__are_text(texts, page):
    find(page, ODD)
    assert page.locator("#neighbors .card strong").all_inner_texts() == texts[1](ODD)
    assert page.locator("#neighbors h2 b").count() == 0


def test_no_image_is_asked_for__and_ids_still_find(page):
    assert not page.locator("#image").is_visible()
    page.select_option("#kind", "id")
    find(page, "t3")
    cards = page.locator("#neighbors .card").all_inner_texts()
    assert len(cards) == len(TEXTS) - 1
    assert not any("id t3" in card for card in cards)
