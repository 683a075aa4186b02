"""What a page shows: its program, which is one from the first block to the last, and its lines for a shell."""

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


def shell_lines(text):
    """The lines of a page's shell blocks, continued ones joined."""
    blocks = re.findall(r"```(?:sh|bash)\n(.*?)```", text, re.DOTALL)
    return [line.strip() for line in "\n".join(blocks).replace("\\\n", " ").splitlines() if line.strip()]
