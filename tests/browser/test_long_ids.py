"""Ids and labels beyond 2^53, which numbers of JavaScript cannot tell apart, on the explorer page."""

import csv
import json

import numpy as np
import pytest

import keras_similarity as ks
from browser.conftest import wait_for_map
from browser.looking import looking_at
from keras_similarity.calibrate import calibrate

pytestmark = pytest.mark.browser

FIRST = 2**53  # every other number from here on is none of JavaScript's
LABELS = (2**60 + 1, 2**60 + 3)
WRONG, COPIED, COPY = 11, 21, 33  # rows


@pytest.fixture
def shelf(tmp_path):
    """A calibrated index of two groups with long ids and labels, one label wrong, two items alike; and its folder."""
    rng = np.random.default_rng(3)
    groups = np.arange(60) % 2
    vectors = np.eye(2)[groups] * 20 + rng.normal(size=(60, 2))
    vectors[COPY] = vectors[COPIED]
    labels = [LABELS[group] for group in groups]
    labels[WRONG] = LABELS[0]
    with ks.Index(2, store=tmp_path / "long.index", distance="euclidean") as index:
        index.add(vectors, labels, ids=[FIRST + row for row in range(60)])
        others = np.eye(2)[groups] * 20 + rng.normal(size=(60, 2))
        calibrate(index, others, [LABELS[group] for group in groups]).save(tmp_path / "long.index" / "calibration.npz")
    return tmp_path / "long.index"


@pytest.fixture
def page(shelf, open_page):
    with looking_at(shelf) as address:
        page = open_page(address)
        wait_for_map(page)
        yield page


def said(page, words):
    page.wait_for_function("(words) => document.getElementById('said').textContent.includes(words)", arg=words)


def test_a_long_id__finds_its_own_neighbours__which_lead_on_to_theirs(page, shelf):
    item = FIRST + 1
    for turn in range(2):
        with ks.Index.open(shelf, read_only=True) as index:
            expected = index.search(index.get([item])[0].embedding[None], 12, exclude=[item])[0].ids.tolist()
        if turn == 0:
            page.fill("#words", str(item))
            page.keyboard.press("Enter")
        page.wait_for_function(f"document.querySelector('#neighbors h2').textContent === 'Neighbours of item {item}'")
        cards = page.locator("#neighbors .card")
        assert [int(card.split("id ")[1].split()[0]) for card in cards.all_inner_texts()] == expected
        assert str(LABELS[1]) in cards.first.inner_text()
        item = next(found for found in expected if found % 2)
        cards.nth(expected.index(item)).click()


def test_long_ids_and_labels__are_exported_as_they_are(page):
    page.click("#view")
    page.wait_for_selector("#selection .lines li")
    with page.expect_download() as exported:
        page.click("text=Export JSON")
    items = json.loads(exported.value.path().read_text())
    with page.expect_download() as exported:
        page.click("text=Export CSV")
    rows = list(csv.DictReader(exported.value.path().read_text().splitlines()))
    ids = [FIRST + row for row in range(60)]
    assert sorted(item["id"] for item in items) == sorted(int(row["id"]) for row in rows) == ids
    assert {item["label"] for item in items} == {int(row["label"]) for row in rows} == set(LABELS)


def test_an_item_with_a_long_id__is_relabelled_and_no_other(page, shelf):
    page.click("#tab-review")
    page.click("#find-issues")
    page.click(".findings >> text=Relabel")
    said(page, f"item {FIRST + WRONG} is {LABELS[1]} now")
    with ks.Index.open(shelf, read_only=True) as index:
        labels = {record.id: record.label for record in index.get([FIRST + row for row in range(60)])}
    assert labels == {FIRST + row: LABELS[row % 2] for row in range(60)}


def test_an_item_with_a_long_id__is_removed_and_no_other(page, shelf):
    page.on("dialog", lambda dialog: dialog.accept())
    page.click("#tab-review")
    page.click("#find-duplicates")
    page.click(f"[aria-label='Remove {FIRST + COPY}']")
    said(page, f"item {FIRST + COPY} was removed")
    with ks.Index.open(shelf, read_only=True) as index:
        assert [FIRST + row for row in range(60) if FIRST + row not in index] == [FIRST + COPY]


def test_thresholds_of_long_labels__are_shown(page):
    page.click("#tab-threshold")
    page.wait_for_selector("#slider")
    page.focus("#slider")
    page.keyboard.press("Home")
    page.wait_for_selector(f"#told th:has-text('{LABELS[0]}')")
