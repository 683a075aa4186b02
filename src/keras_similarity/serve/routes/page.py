"""The explorer page itself: files that hold no data, so that a page can ask for the key it needs for these."""

from collections.abc import Mapping
from typing import Any

from litestar import get
from litestar.response.base import ASGIResponse

from keras_similarity.serve.explorer.page_files import POLICY, PageFile

__all__ = ["page_routes"]

HEADERS = {
    "content-security-policy": POLICY,
    "cross-origin-opener-policy": "same-origin",
    "referrer-policy": "no-referrer",
}


def page_routes(files: Mapping[str, PageFile]) -> list[Any]:
    """Return a handler for each file, by its path."""
    return [_handler(path, file) for path, file in files.items()]


def _handler(path: str, file: PageFile) -> Any:
    @get(path)
    async def page_file() -> ASGIResponse:
        return ASGIResponse(body=file.content, media_type=file.kind, headers=HEADERS)

    return page_file
