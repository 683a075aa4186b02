"""How every figure is opened and handed over."""

from typing import Any

from keras_similarity.core.extras import import_extra

__all__ = ["BLUE", "VERMILION", "finish", "open_figure"]

# They stay apart for colour-blind eyes (Okabe and Ito).
BLUE, VERMILION = "#0072B2", "#D55E00"
FILE_BACKENDS = ("agg", "cairo", "pdf", "pgf", "ps", "svg", "template")


def open_figure(what: str, size: tuple[float, float], rows: int = 1, columns: int = 1) -> tuple[Any, Any]:
    """Return a `matplotlib.figure.Figure` and its axes, `(rows, columns)`.

    Raises:
        MissingExtraError: matplotlib is not installed; `what` says who needs it.
    """
    pyplot = import_extra("matplotlib.pyplot", extra="viz", purpose=what)
    return pyplot.subplots(rows, columns, figsize=size, squeeze=False, layout="constrained")


def finish(figure: Any, *, show: bool) -> Any:
    """Open a window where there is one, and return the figure."""
    pyplot = import_extra("matplotlib.pyplot", extra="viz", purpose="drawing")
    if show and pyplot.get_backend().lower() not in FILE_BACKENDS:
        pyplot.show()
    else:
        pyplot.close(figure)  # still a whole figure, to save or to return from a notebook cell
    return figure
