"""How every figure is opened and handed over."""

from typing import Any

from keras_similarity.core.extras import import_extra
from keras_similarity.visualization.neighbors import FILE_BACKENDS

__all__ = ["finish", "open_figure"]


def open_figure(what: str, size: tuple[float, float], rows: int = 1, columns: int = 1) -> tuple[Any, Any]:
    """Return a `matplotlib.figure.Figure` and its axes, one or an array of them.

    Raises:
        MissingExtraError: matplotlib is not installed; `what` says who needs it.
    """
    pyplot = import_extra("matplotlib.pyplot", extra="viz", purpose=what)
    return pyplot.subplots(rows, columns, figsize=size, layout="constrained")


def finish(figure: Any, *, show: bool) -> Any:
    """Open a window where there is one, and return the figure, whole, for a file or a notebook."""
    pyplot = import_extra("matplotlib.pyplot", extra="viz", purpose="drawing")
    if show and pyplot.get_backend().lower() not in FILE_BACKENDS:
        pyplot.show()
    else:
        pyplot.close(figure)
    return figure
