"""Real Chromium, and a page that may not complain or go elsewhere. Without Chromium these tests fail."""

import re
import shutil
from urllib.parse import urlsplit

import pytest

from browser.looking import PAGES, looking_at, make_wardrobe


@pytest.fixture(scope="module")  # as long as it is there, nothing else can run an event loop in this process
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
    """A function that opens the explorer of a server, and afterwards shows that the page was quiet and stayed home.

    Of requests that fail, as `refused` says if a test means them to, Chromium complains itself.
    """
    opened = []

    def opens(address, *, refused=None, **options):
        page = chromium.new_page(**{"viewport": {"width": 1360, "height": 860}} | options)
        said, asked = [], []
        page.on("console", lambda message: said.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        opened.append((page, said, asked, address, refused))
        PAGES.setdefault(address, []).append(page)
        page.goto(f"{address}/explorer/")
        return page

    yield opens
    for page, said, asked, address, refused in opened:
        page.close()
        failed = [line for line in said if refused and re.match(f"error: Failed to load resource: .*{refused}", line)]
        assert bool(failed) == bool(refused)
        assert [line for line in said if line not in failed] == []
        # Files that the page made itself have addresses too, which begin with blob: or data:.
        elsewhere = [
            url for url in asked if urlsplit(url).scheme in ("http", "https", "ws") and not url.startswith(address)
        ]
        assert elsewhere == []
        assert len(asked) > 20  # it was listened to


@pytest.fixture(scope="session")
def served(tmp_path_factory):
    """The address of a server over pictures that nobody changes, and the index's folder."""
    folder = tmp_path_factory.mktemp("served") / "wardrobe.index"
    make_wardrobe(folder)
    with looking_at(folder) as address:
        yield address, folder


@pytest.fixture
def wardrobe(served, open_page):
    """A page over these pictures, drawn."""
    page = open_page(served[0])
    wait_for_map(page)
    return page


@pytest.fixture
def own_served(tmp_path):
    """The address of a server over pictures that a test may change, and the index's folder."""
    folder = tmp_path / "wardrobe.index"
    make_wardrobe(folder)
    with looking_at(folder) as address:
        yield address, folder


@pytest.fixture
def own_wardrobe(own_served, open_page):
    """A page over these, drawn, and the index's folder."""
    address, folder = own_served
    page = open_page(address)
    wait_for_map(page)
    return page, folder


def wait_for_map(page):
    page.wait_for_function("document.getElementById('drawn').textContent !== ''")
    page.wait_for_function("document.querySelectorAll('#map canvas').length > 0")
