"""`make bench`: every measurement beside its peer, in one run; results in benchmarks/results/.

    python benchmarks/run.py                 everything
    python benchmarks/run.py journey         one of the benchmarks
    python benchmarks/run.py quality         trains for hours, so it is not among "everything"

Each measurement runs in a process of its own, so that none warms another's caches or threads.
"""

import argparse
import importlib
import os
from pathlib import Path

BENCHMARKS = (
    "journey",
    "losses",
    "index",
    "evaluate",
    "samplers",
    "serve",
    "explorer",
    "report",
    "databases",
    "bulk",
    "distributed",
)

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="default: all")
    default = Path(__file__).parents[2] / "shared" / "data"
    os.environ.setdefault("KERAS_SIMILARITY_DATA", str(default))
    for name in parser.parse_args().names or BENCHMARKS:
        importlib.import_module(f"{name}.run").main()
