"""A guide's program is one program, from its first block to its last."""

import contextlib
import io
import re
from pathlib import Path

FOLDER = Path(__file__).parents[1] / "docs"


def text_of(page):
    return (FOLDER / page).read_text()


def run_guide(page, after=lambda block, names: None, least=5):
    """Run the Python blocks of a page, check what is printed where the page shows it, and return the names they made.

    `after(block, names)` is called after each block, counted from 0. `least` is how many blocks the page has at least.
    """
    names = {}
    blocks = re.findall(r"```python\n(.*?)```(?:\s*```text\n(.*?)```)?", text_of(page), re.DOTALL)
    assert len(blocks) >= least, "a collector that finds nothing would pass"
    for number, (program, output) in enumerate(blocks):
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(program, names)  # the guide's own words
        assert printed.getvalue() == output
        after(number, names)
    return names
