"""A map of embeddings to move about in: one HTML page, which works offline."""

import html
import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from keras_similarity.core.checks import as_vectors, check_same_length, check_whole
from keras_similarity.core.extras import import_extra
from keras_similarity.core.labels import label_list
from keras_similarity.visualization.names import name_of, natural_order
from keras_similarity.visualization.page import HtmlPage
from keras_similarity.visualization.projection import project
from keras_similarity.visualization.thumbnails import ACROSS, sprite_sheets, thumbnail

__all__ = ["map_html", "projector"]

# Okabe and Ito's colours, which colour-blind eyes keep apart; with the shapes, 40 labels look different.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#8C6D1F", "#7F7F7F")
SHAPES = ("circle", "diamond", "square", "cross", "triangle-up")
MOST_NAMED = len(COLORS) * len(SHAPES)
OTHERS = "other labels"

SCRIPT = """
(function () {
  const map = JSON.parse(document.getElementById("map-points").textContent);
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const target = document.getElementById("map"), card = document.getElementById("map-card");
  function layout() {
    const ink = dark.matches ? "#ececf0" : "#1d1d1f", line = dark.matches ? "#3a3a42" : "#e3e3e8";
    const axis = { showticklabels: false, gridcolor: line, zeroline: false };
    return { height: map.height, margin: { l: 10, r: 10, t: 40, b: 10 }, hovermode: "closest", dragmode: "pan",
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", font: { color: ink },
      xaxis: axis, yaxis: Object.assign({ scaleanchor: "x" }, axis), legend: { itemsizing: "constant" },
      modebar: { bgcolor: "rgba(0,0,0,0)", color: dark.matches ? "#a9a9b2" : "#5b5b60", activecolor: ink } };
  }
  const traces = map.traces.map(t => ({ type: "scattergl", mode: "markers", name: t.name, x: t.x, y: t.y,
    customdata: t.rows, text: t.texts, hoverinfo: "none",
    marker: { size: map.size, color: t.color, symbol: t.symbol, opacity: 0.8 } }));
  // Plotly has a button that uploads a picture and its data to its maker: not from a page that stays at home.
  const config = { responsive: true, scrollZoom: true, displaylogo: false, showSendToCloud: false };
  Plotly.newPlot(target, traces, layout(), config);
  dark.addEventListener("change", () => Plotly.relayout(target, layout()));
  // The wheel moves the page, until somebody has clicked into the map or holds Ctrl.
  let entered = false;
  target.addEventListener("pointerdown", () => { entered = true; });
  document.addEventListener("pointermove", event => {  // while it is dragged, plotly covers the page
    const box = target.getBoundingClientRect();
    const inside = event.clientX > box.left && event.clientX < box.right && event.clientY > box.top &&
      event.clientY < box.bottom;
    if (!inside && !event.buttons) entered = false;
  });
  target.addEventListener("wheel", event => {
    if (!entered && !event.ctrlKey && !event.metaKey) event.stopPropagation();
  }, { capture: true });
  target.on("plotly_hover", event => {
    const point = event.points[0], row = point.customdata, place = row % (map.across * map.across);
    const picture = card.firstElementChild, side = map.side;
    picture.hidden = !map.sheets.length;
    picture.style.backgroundImage = "url(" + map.sheets[Math.floor(row / (map.across * map.across))] + ")";
    const left = -(place % map.across) * side, top = -Math.floor(place / map.across) * side;
    picture.style.backgroundPosition = left + "px " + top + "px";
    card.lastElementChild.innerText = point.text;
    card.style.left = Math.min(event.event.clientX + 14, innerWidth - side - 60) + "px";
    card.style.top = Math.min(event.event.clientY + 14, innerHeight - side - 90) + "px";
    card.hidden = false;
  });
  target.on("plotly_unhover", () => { card.hidden = true; });
})();
"""
CARD = (
    '<div id="map-card" hidden style="position:fixed;z-index:9;padding:6px;background:var(--card);color:var(--ink);'
    'border:1px solid var(--line);border-radius:6px;pointer-events:none">'
    '<div style="width:{side}px;height:{side}px;background-color:#fff"></div><div></div></div>'
)


def projector(
    embeddings: Any,
    labels: Any = None,
    class_mapping: Mapping[Any, str] | Sequence[str] | None = None,
    images: Any = None,
    image_size: int = 64,
    tooltips_info: Mapping[str, Sequence[Any]] | None = None,
    pt_size: float = 5,
    plot_size: int = 640,
    *,
    method: str = "auto",
    seed: int = 0,
    title: str = "Map of embeddings",
) -> HtmlPage:
    """Draw embeddings as a map to zoom into, with each item's label and picture under the pointer.

    Args:
        embeddings: Rows `(n, d)`, or places on a plane `(n, 2)`, which are drawn as they are.
        labels: The label of each, `(n,)`: a colour and a shape for each of the 40 most frequent; None for none.
        class_mapping: Label -> name to print.
        images: The picture of each item, `(n, …)`: arrays, bytes of image files, or None where there is none.
        image_size: Side of a thumbnail in pixels, ≥ 8. They take about 1 kB each at 32, and 3 kB at 64.
        tooltips_info: Name -> a value for each item, `(n,)`, to show with it.
        pt_size: Diameter of a point in pixels.
        plot_size: Height in pixels; the map is as wide as the page.
        method, seed: See `project`.
        title: Above the map.

    Returns:
        A page: `.save(path)` writes it, a notebook shows it. It has everything in it, 5 MB and some 30 bytes an item
        and number, and opens without a network.

    Raises:
        ValueError: NaN, another shape, another number of labels, images or values than rows.
        MissingExtraError: plotly, or for images Pillow, is not installed.

    Example:
        >>> page = projector(np.eye(4), ["a", "a", "b", "b"])
        >>> "https://" in page.html.split("<script>")[0]
        False
    """
    rows = as_vectors(embeddings, name="embeddings")
    names = [""] * len(rows) if labels is None else [name_of(label, class_mapping) for label in label_list(labels)]
    check_same_length(len(rows), names, name="labels", what="embeddings")
    info = dict(tooltips_info or {})
    for name, values in info.items():
        check_same_length(len(rows), values, name=f"tooltips_info[{name!r}]", what="embeddings")
    side = check_whole(image_size, name="image_size", minimum=8)
    pictures: list[Any] = []
    if images is not None:
        check_same_length(len(rows), images, name="images", what="embeddings")
        pictures = [thumbnail(image, side) for image in images]
    texts = [
        "\n".join([name, *(f"{key}: {values[row]}" for key, values in info.items())]) for row, name in enumerate(names)
    ]
    plane = rows if rows.shape[1] == 2 else project(rows, method=method, seed=seed)
    body = map_html(plane, names, texts, pictures, side=side, size=pt_size, height=plot_size)
    return HtmlPage(title, f"<h1>{html.escape(title)}</h1>{body}")


def map_html(
    plane: np.ndarray,
    names: Sequence[str],
    texts: Sequence[str],
    pictures: Sequence[Any],
    *,
    side: int = 64,
    size: float = 5,
    height: int = 640,
) -> str:
    """Return the HTML of a map, scripts included; a page can hold one.

    Args:
        plane: Places `(n, 2)`.
        names: The label's name of each item; "" for none.
        texts: What to say of each item.
        pictures: Pillow images or None for each item; empty for no pictures.
    """
    plotly = import_extra("plotly.offline", extra="viz", purpose="a map")
    shown = pictures if any(picture is not None for picture in pictures) else []
    points = {
        "traces": _traces(plane, names, texts),
        "sheets": sprite_sheets(shown, side),
        "across": ACROSS,
        "side": side,
        "size": size,
        "height": height,
    }
    # A label that says </script> must not end the script.
    data = json.dumps(points, separators=(",", ":")).replace("<", "\\u003c")
    words = f"Map of {len(plane):,} items: each is a point, near one another what is alike."
    return (
        f'<p class="note">{words} Click into it, or hold Ctrl, to zoom with the wheel.</p>'
        f'<div id="map" role="img" aria-label="{words}" style="min-height:{height}px"></div>{CARD.format(side=side)}'
        "<noscript><p>The map needs JavaScript, which is switched off here.</p></noscript>"
        f'<script type="application/json" id="map-points">{data}</script>'
        f"<script>{plotly.get_plotlyjs()}</script><script>{SCRIPT}</script>"
    )


def _traces(plane: np.ndarray, names: Sequence[str], texts: Sequence[str]) -> list[dict[str, Any]]:
    """Return the points by label: those with most items have a colour of their own, and stand first."""
    counts: dict[str, int] = {}
    for name in names:
        counts[name] = counts.get(name, 0) + 1
    named = sorted(sorted(counts, key=lambda name: -counts[name])[:MOST_NAMED], key=natural_order)
    members: dict[str, list[int]] = {name: [] for name in [*named, OTHERS]}
    for row, name in enumerate(names):
        members[name if name in members else OTHERS].append(row)
    traces: list[dict[str, Any]] = []
    for place, (name, rows) in enumerate(members.items()):
        if rows:
            at = np.round(plane[rows].astype(np.float64), 4)
            look = ("#999999", "circle") if name == OTHERS else _look(place)
            traces.append(
                {
                    "name": html.escape(name) or "items",  # the legend takes a few tags for its own
                    "x": at[:, 0].tolist(),
                    "y": at[:, 1].tolist(),
                    "rows": rows,
                    "texts": [texts[row] for row in rows],
                    "color": look[0],
                    "symbol": look[1],
                }
            )
    return traces


def _look(place: int) -> tuple[str, str]:
    return COLORS[place % len(COLORS)], SHAPES[place // len(COLORS) % len(SHAPES)]
