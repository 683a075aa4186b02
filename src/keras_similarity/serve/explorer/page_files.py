"""The files of the page: ours, and plotly.js from the installed package. Nothing else is ever read for a request."""

from importlib import resources
from typing import NamedTuple

from keras_similarity.core.extras import import_extra

__all__ = ["PAGE", "POLICY", "PageFile", "page_files"]

PAGE = "/explorer/"
PLOTLY = "plotly.min.js"
KINDS = {  # of text, the encoding is added
    "html": "text/html",
    "js": "text/javascript",
    "css": "text/css",
    "svg": "image/svg+xml",
}
# No script but these files, and nothing from elsewhere. plotly.js makes the functions that draw its points with
# `Function`, or says that there is no WebGL; and it says how its parts look in style attributes and elements.
POLICY = "; ".join(
    [
        "default-src 'none'",
        "script-src 'self' 'unsafe-eval'",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' blob:",
        "connect-src 'self'",
        "form-action 'none'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    ]
)


class PageFile(NamedTuple):
    """One file as it is sent."""

    kind: str
    content: bytes


def page_files() -> dict[str, PageFile]:
    """Return every file of the page by its path.

    Raises:
        MissingExtraError: plotly is not installed.
    """
    import_extra("plotly", extra="serve", purpose="the explorer page")
    files = {
        f"{PAGE}{entry.name}": PageFile(KINDS[entry.name.rpartition(".")[2]], entry.read_bytes())
        for entry in resources.files("keras_similarity.serve").joinpath("page").iterdir()
        if entry.is_file()
    }
    plotly = resources.files("plotly").joinpath("package_data", PLOTLY)
    files[f"{PAGE}{PLOTLY}"] = PageFile(KINDS["js"], plotly.read_bytes())
    files[PAGE] = files.pop(f"{PAGE}index.html")
    return files
