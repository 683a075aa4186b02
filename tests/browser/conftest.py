"""Real Chromium, and a page that may not complain or go elsewhere. Without Chromium these tests fail."""

import re
import shutil
from urllib.parse import urlsplit

import pytest

from browser.looking import looking_at, make_wardrobe

# What Chromium itself says of an answer that the page expects: a key or an image that is refused.
REFUSED = re.compile(r"^error: Failed to load resource: the server responded with a status of (401|415) ")


@pytest.fixture(scope="session")
def chromium():
    from playwright.sync_api import sync_playwright

    program = shutil.which("chromium")
    assert program, "the browser tests need Chromium: apt-get install chromium"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--use-angle=swiftshader"])
        yield browser
        browser.close()


@pytest.fixture
def open_page(chromium):
    """A function that opens the explorer of a server, and afterwards shows that the page was quiet and stayed home."""
    opened = []

    def opens(address, **options):
        page = chromium.new_page(**{"viewport": {"width": 1360, "height": 860}} | options)
        said, asked = [], []
        page.on("console", lambda message: said.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        opened.append((page, said, asked, address))
        page.goto(f"{address}/explorer/")
        return page

    yield opens
    for page, said, asked, address in opened:
        page.close()
        assert [line for line in said if not REFUSED.search(line)] == []
        # Files that the page made itself have addresses too, which begin with blob: or data:.
        elsewhere = [
            url for url in asked if urlsplit(url).scheme in ("http", "https", "ws") and not url.startswith(address)
        ]
        assert elsewhere == []
        assert len(asked) > 20  # it was listened to


@pytest.fixture(scope="session")
def served(tmp_path_factory):
    """The folder of an index of pictures that nobody changes, and its server's address."""
    folder = tmp_path_factory.mktemp("served") / "wardrobe.index"
    make_wardrobe(folder)
    with looking_at(folder) as address:
        yield folder, address


@pytest.fixture
def wardrobe(served, open_page):
    """A page over these pictures, drawn."""
    page = open_page(served[1])
    wait_for_map(page)
    return page


@pytest.fixture
def own_wardrobe(tmp_path, open_page):
    """A page over pictures that a test may change, drawn, and the index's folder."""
    make_wardrobe(tmp_path / "wardrobe.index")
    with looking_at(tmp_path / "wardrobe.index") as address:
        page = open_page(address)
        wait_for_map(page)
        yield page, tmp_path / "wardrobe.index"


def wait_for_map(page):
    page.wait_for_function("document.getElementById('drawn').textContent !== ''")
    page.wait_for_function("document.querySelectorAll('#map canvas').length > 0")
