"""A model and its index on one page: how good it is, what it looks like, and what is wrong with the data."""

import html
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from keras_similarity.calibrate import CalibrationResults
from keras_similarity.core.checks import check_choice, check_whole
from keras_similarity.errors import MissingExtraError
from keras_similarity.index import Index
from keras_similarity.visualization.elements import note
from keras_similarity.visualization.page import HtmlPage
from keras_similarity.visualization.projection import METHODS
from keras_similarity.visualization.report_data import LeftOut, ReportData
from keras_similarity.visualization.report_sections import SECTIONS

__all__ = ["report"]


def report(
    model_or_index: Any,
    *,
    images: Mapping[Any, Any] | Sequence[Any] | Callable[[Any], Any] | None = None,
    calibration: CalibrationResults | None = None,
    map_method: str = "auto",
    title: str = "Report of an index",
    seed: int = 0,
) -> HtmlPage:
    """Make a page about an index, to read or to send to someone else.

    Every item is asked about the others: its neighbours other than itself are right where they carry its label. So
    the numbers say how well the index tells apart what it holds; for what it has never seen, see `evaluate_retrieval`.

    Args:
        model_or_index: An `Index`, or a `SimilarityModel` that has one, whose calibration is taken too.
        images: The image of each id: a mapping, an array or list for ids that are row numbers, or a function; None for
            what the items' `data` are. Arrays `(h, w)`, `(h, w, 1)`, `(h, w, 3)` or `(h, w, 4)`, or bytes of files.
            An item without one is shown without one.
        calibration: Of the index; None for the model's, if it has one.
        map_method: "auto", "pacmap" or "pca", see `project`.
        title: Above the page.
        seed: Of the samples, ≥ 0: up to 10,000 items are looked at, of which up to 2,000 are asked.

    Returns:
        A page: `.save(path)` writes it. It needs no network, and JavaScript for the map alone. A section for which the
        index has not what it takes (labels, images, a calibration, a package) says so in its place.

    Raises:
        MissingIndexError: the model has no index.
        TypeError: neither an index nor a model.
        ValueError: an unknown map method, or a negative seed.

    Cost: about 25 s and 8 MB for 10,000 items of 28 × 28 pixels, half of it for the map; no more for larger indexes but
        for the searches.

    Example:
        >>> index = Index(2)
        >>> ids = index.add(np.random.default_rng(0).normal(size=(40, 2)), ["a", "b"] * 20)
        >>> page = report(index, map_method="pca", title="Chance")
        >>> page.title, "40 items, 2 numbers each, by cosine distance" in page.html
        ('Chance', True)
    """
    index = _index_of(model_or_index)
    if calibration is None:
        calibration = getattr(model_or_index, "calibration", None)
    check_choice(map_method, METHODS, name="map_method")
    seed = check_whole(seed, name="seed", minimum=0)
    data = ReportData.sample(index, _image_reader(images), calibration, map_method, seed)
    parts: list[str] = []
    for heading, name, section in SECTIONS:
        try:
            content = section(data)
        except (LeftOut, MissingExtraError) as reason:
            content = note(f"Left out. {reason}")
        parts.append(f'<section aria-labelledby="{name}"><h2 id="{name}">{heading}</h2>{content}</section>')
    links = " · ".join(f'<a href="#{name}">{heading}</a>' for heading, name, _ in SECTIONS)
    part = f"a sample of {len(data.records):,} of " if len(data.records) < len(index) else ""
    summary = f"{part}{len(index):,} items, {index.dim} numbers each, by {index.distance} distance"
    body = (
        f"<header><h1>{html.escape(title)}</h1><p>{html.escape(summary)}.</p></header>"
        f'<nav aria-label="Sections">{links}</nav><main>{"".join(parts)}</main>'
    )
    return HtmlPage(title, body)


def _index_of(source: Any) -> Index:
    if isinstance(source, Index):
        return source
    # A model has no public way to its index: its `index` is the method that fills it. Nor can its class be asked for,
    # since models import Keras, which a report does without.
    existing = getattr(source, "_existing_index", None)
    if existing is None:
        raise TypeError(
            f"`model_or_index` must be an Index or a SimilarityModel: got {type(source).__name__}.\n"
            "  Open one with `Index.open(path)`."
        )
    return existing("report")


def _image_reader(images: Any) -> Callable[[Any], Any]:
    """Return a function from an item's record to its image."""
    if images is None:
        return lambda record: record.data
    if callable(images):
        return lambda record: images(record.id)
    if isinstance(images, Mapping):
        return lambda record: images.get(record.id)
    rows = range(len(images))
    return lambda record: images[record.id] if record.id in rows else None
