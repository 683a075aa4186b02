"""The elements of a report, as HTML that is escaped and can be read aloud: tables, figures, pictures in rows."""

import base64
import html
import io
from collections.abc import Mapping, Sequence
from typing import Any

from keras_similarity.visualization.thumbnails import data_uri, thumbnail

__all__ = ["figure", "note", "picture", "picture_rows", "table"]

SIDE = 56  # pixels of a thumbnail
DOTS_PER_INCH = 96


def table(caption: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """Return a table whose first column names the rows; numbers stand to the right. Cells may be `picture`s."""
    numeric = [bool(rows) and all(isinstance(row[at], int | float) for row in rows) for at in range(len(columns))]
    kinds = [' class="number"' if number else "" for number in numeric]
    head = "".join(f'<th scope="col"{kind}>{html.escape(name)}</th>' for name, kind in zip(columns, kinds, strict=True))
    lines = [
        f'<tr><th scope="row">{_cell(row[0])}</th>'
        + "".join(f"<td{kind}>{_cell(value)}</td>" for value, kind in zip(row[1:], kinds[1:], strict=True))
        + "</tr>"
        for row in rows
    ]
    return (
        f'<div class="wide"><table><caption>{html.escape(caption)}</caption><thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(lines)}</tbody></table></div>"
    )


def figure(drawn: Any, alt: str, caption: str = "") -> str:
    """Return a matplotlib figure with a text that says what it shows."""
    content = io.BytesIO()
    drawn.savefig(content, format="png", dpi=DOTS_PER_INCH, facecolor="white")
    source = f"data:image/png;base64,{base64.b64encode(content.getvalue()).decode()}"
    words = f"<figcaption>{html.escape(caption)}</figcaption>" if caption else ""
    return f'<figure><img src="{source}" alt="{html.escape(alt)}">{words}</figure>'


def note(text: str) -> str:
    """Return a remark."""
    return f'<p class="note">{html.escape(text)}</p>'


class Markup(str):
    """HTML that is escaped already."""

    __slots__ = ()


def picture(image: Any, alt: str) -> Markup:
    """Return a thumbnail, or nothing for what is no image."""
    small = None if image is None else thumbnail(image, SIDE)
    if small is None:
        return Markup("")
    return Markup(f'<img class="thumb" src="{data_uri(small)}" alt="{html.escape(alt)}">')


def picture_rows(caption: str, rows: Sequence[tuple[Mapping[str, Any], Sequence[Mapping[str, Any]]]]) -> str:
    """Return queries with their neighbours, a row each.

    Args:
        caption: What the rows are.
        rows: A query and its neighbours, each with "image", "label" and "note"; a neighbour has "right" too.
    """
    lines = [
        f'<tr><th scope="row">{_item(query, "query: ")}</th>{"".join(map(_neighbor, neighbors))}</tr>'
        for query, neighbors in rows
    ]
    return (
        f'<div class="wide"><table class="pictures"><caption>{html.escape(caption)}</caption>'
        f"<tbody>{''.join(lines)}</tbody></table></div>"
    )


def _neighbor(item: Mapping[str, Any]) -> str:
    kind, sign = ("right", "✓ ") if item["right"] else ("wrong", "✗ ")
    return f'<td class="{kind}">{_item(item, sign)}</td>'


def _item(item: Mapping[str, Any], before: str) -> str:
    image = picture(item["image"], f"image of {item['label']}")
    return f"{image}{html.escape(before + str(item['label']))}<br>{html.escape(str(item['note']))}"


def _cell(value: Any) -> str:
    if isinstance(value, Markup):
        return value
    if isinstance(value, float):
        return f"{value:#.4g}"  # zeros at the end too: the points of a column stand below one another
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else html.escape(str(value))
