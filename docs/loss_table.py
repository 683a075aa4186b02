"""The table of papers and distances in the page of losses, made from the losses: python docs/loss_table.py."""

import inspect
import re
from pathlib import Path
from typing import Any

from keras_similarity import losses
from keras_similarity.core import distance_names

PAGE = Path(__file__).with_name("losses.md")
PLACE = re.compile(r"(?<=<!-- table: papers -->\n).*?(?=<!-- end -->)", re.DOTALL)
BASES = (losses.MetricLoss, losses.ViewLoss)


def page() -> str:
    """Return the page as it should be."""
    return PLACE.sub(lambda _: table(), PAGE.read_text(encoding="utf-8"))


def table() -> str:
    """Return a line for each loss."""
    classes = [getattr(losses, name) for name in losses.__all__ if name.endswith("Loss") or name == "CrossBatchMemory"]
    rows = [f"| `{loss.__name__}` | {paper(loss)} | {distance(loss)} |" for loss in classes if loss not in BASES]
    return "\n".join(["| loss | after | compares by |", "| --- | --- | --- |", *rows, ""])


def paper(loss: type[Any]) -> str:
    """Return the first reference of a loss, or of the function that it is the mean of."""
    text = inspect.getdoc(loss) or ""
    if "References:" not in text:
        function = re.search(r"`(\w+)`", text)
        text = inspect.getdoc(getattr(losses, function[1])) or "" if function else ""
    reference = re.sub(r"\s+", " ", text.partition("References:")[2].strip())
    first = re.match(r".*?\b(?:19|20)\d\d\b(?:, (?:arXiv|doi):\S+\w)?", reference)
    link = re.sub(r"arXiv:(\S+)", r"[arXiv:\1](https://arxiv.org/abs/\1)", first[0] if first else "")
    return re.sub(r"doi:(\S+)", r"[doi:\1](https://doi.org/\1)", link)


def distance(loss: type[Any]) -> str:
    """Return the distance of a loss, and whether it takes others."""
    own = inspect.signature(loss).parameters.get("distance")
    if own is None or own.default is inspect.Parameter.empty:
        return "its loss's distance" if issubclass(loss, losses.MetricLoss) else "two views of each item"
    return f"{own.default}{'' if takes_others(loss, own.default) else ', no other'}"


def takes_others(loss: type[Any], own: str) -> bool:
    """Whether a loss can be made with another distance than its own."""
    for name in set(distance_names()) - {own}:
        try:
            loss(distance=name)
        except ValueError:
            continue
        return True
    return False


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
