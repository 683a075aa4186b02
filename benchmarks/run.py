"""`make bench`: every measurement beside its peer, in one run; results in benchmarks/results/.

    python benchmarks/run.py                 everything
    python benchmarks/run.py journey         one of the benchmarks
    python benchmarks/run.py quality         trains for hours, so it is not among "everything"
    python benchmarks/run.py reliability     injects faults and gives bad input, which is not about speed
    python benchmarks/run.py capacity        measures what the capacity plan starts from, and no other benchmark does
    python benchmarks/run.py newcomer        walks README's path in a clone of the last commit

Each measurement runs in a process of its own, so that none warms another's caches or threads. Ratios that got worse
since the last committed result are told on stderr. At the end the pages are made: docs/speed.md, and README's tables.
"""

import argparse
import importlib
import os
from pathlib import Path

import readme
import speed_page

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="default: all")
    default = Path(__file__).parents[2] / "shared" / "data"
    os.environ.setdefault("KERAS_SIMILARITY_DATA", str(default))
    for name in parser.parse_args().names or speed_page.BENCHMARKS:
        importlib.import_module(f"{name}.run").main()
    speed_page.fill()
    readme.fill()
