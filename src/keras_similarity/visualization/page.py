"""A page of one file: it asks nothing of any other place, and can be sent to someone else."""

import html
import os
from pathlib import Path

__all__ = ["HtmlPage"]

# Everything a page needs is in it, and its scripts may ask for nothing: a label cannot smuggle in a request.
POLICY = (
    "default-src 'none'; img-src data: blob:; style-src 'unsafe-inline'; "
    "script-src 'unsafe-inline' 'unsafe-eval'; base-uri 'none'; form-action 'none'"
)
STYLE = """
:root { color-scheme: light dark; --ink: #1d1d1f; --paper: #fff; --soft: #5b5b60; --line: #cfcfd4; --card: #f4f4f6;
  --right: #00598c; --wrong: #b34400; }
@media (prefers-color-scheme: dark) { :root { --ink: #ececf0; --paper: #17171a; --soft: #a9a9b2; --line: #46464e;
  --card: #232328; --right: #6cbcf0; --wrong: #ff9a5c; } }
body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); margin: 0 auto;
  max-width: 64rem; padding: 1rem 1.25rem 4rem; }
h1 { line-height: 1.2; } h2 { margin-top: 2.5rem; border-bottom: 1px solid var(--line); }
a { color: var(--right); } p.note, figcaption, caption { color: var(--soft); } caption { text-align: left; }
.wide { overflow-x: auto; } table { border-collapse: collapse; margin: 1rem 0; }
th, td { border-bottom: 1px solid var(--line); padding: .3rem .7rem; text-align: left; vertical-align: top; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; }
figure { margin: 1rem 0; } figure img { max-width: 100%; height: auto; background: #fff; border-radius: 4px; }
img.thumb { width: 56px; height: 56px; object-fit: contain; image-rendering: pixelated; background: #fff;
  display: block; }
.right { color: var(--right); } .wrong { color: var(--wrong); }
td.right img { outline: 3px solid var(--right); } td.wrong img { outline: 3px dashed var(--wrong); }
table.pictures th, table.pictures td { border: 0; padding: .4rem; font-size: .85rem; max-width: 7rem;
  overflow-wrap: anywhere; }
"""


class HtmlPage:
    """A page to save, to show in a notebook, or to send.

    Args:
        title: Plain text.
        body: HTML of the body, escaped where it holds what others wrote.

    Example:
        >>> page = HtmlPage("Cats & dogs", "<p>Two kinds.</p>")
        >>> page
        <HtmlPage: Cats & dogs, 0.0 MB; `.save(path)` writes it>
        >>> "<title>Cats &amp; dogs</title>" in page.html
        True
    """

    def __init__(self, title: str, body: str) -> None:
        self.title = title
        self._body = body

    @property
    def html(self) -> str:
        """The whole page."""
        return (
            '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
            f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
            '<meta name="viewport" content="width=device-width, initial-scale=1"><link rel="icon" href="data:,">'
            f"<title>{html.escape(self.title)}</title><style>{STYLE}</style></head>\n<body>{self._body}</body></html>\n"
        )

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the page to a file, which is replaced where it exists; return its path."""
        target = Path(path)
        target.write_text(self.html, encoding="utf-8")
        return target

    def __repr__(self) -> str:
        return f"<HtmlPage: {self.title}, {len(self.html) / 2**20:.1f} MB; `.save(path)` writes it>"

    def _repr_html_(self) -> str:
        frame = 'style="width:100%;height:720px;border:0"'
        return f'<iframe {frame} srcdoc="{html.escape(self.html)}" title="{html.escape(self.title)}"></iframe>'
