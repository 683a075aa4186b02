"""Faults that are injected, and bad input that is given, counted; results in benchmarks/results/reliability.json.

The campaigns are those of tests/faults/run.py at full size, the tests those that CI runs.
"""

import re
import subprocess
import sys
from pathlib import Path

from measure import versions, write

TESTS = Path(__file__).parents[2] / "tests"
SEED = 1
INJECTED = {
    "kill_at_random": "kill -9 at a random moment, while items are added, replaced and removed",
    "kill_at_points": "kill -9 at each numbered point of each kind of write",
    "damage": "a file cut, zeroed, lengthened, or with a bit turned over",
    "full": "disk full, by a limit and on a small file system",
    "descriptors": "no file descriptors left",
    "read_only": "folder and files without permission to write",
    "failing_sync": "an fsync that fails",
    "writers": "a writer refused while another one writes, and one of them killed",
    "readers": "readers beside a writer for a minute, each answer of one generation",
    "fork": "a fork after opening",
    "postgres": "PostgreSQL: kill -9 of a writer, connections ended, a crash of the server, at random moments",
    "milvus": "Milvus: kill -9 of a writer at a random moment",
}
GIVEN = {
    "vectors, ids, labels, k and files that an index cannot take": [
        "index/test_bad_input.py",
        "index/test_bad_files.py",
    ],
    "HTTP requests that are wrong, cut, endless or hostile": ["serve/test_bad_requests.py"],
    "a server that is killed, overloaded, or whose model fails or hangs": ["serve/test_faults.py"],
    "PostgreSQL, Milvus and what there is of Qdrant, gone, slow or interrupted": [
        "index/remote/test_faults.py",
        "index/remote/test_postgres_faults.py",
        "index/remote/test_milvus_faults.py",
        "index/remote/test_milvus_interrupted.py",
        "index/remote/test_qdrant_http.py",
    ],
    "models and old indexes that are damaged, or bring code": [
        "models/test_files.py",
        "models/test_allowed_classes.py",
        "export/test_tfsim.py",
    ],
}


def campaigns():
    """What came of each campaign, at the size that tests/faults/run.py gives it."""
    sys.path.insert(0, str(TESTS))
    from faults.run import CAMPAIGNS, run_campaign

    for program, name, *settings in CAMPAIGNS:
        tally = run_campaign(program, name, SEED, *settings)
        yield {
            "what": INJECTED[name],
            "faults": tally["faults"],
            "lost": tally["lost"],
            "wrong": tally["wrong"],
            "seed": SEED,
            "notes": tally["notes"],
            "command": f"python tests/faults/run.py {program}",
        }


def suites():
    """How many tests of each kind of bad input pass; one that fails ends the run."""
    for what, files in GIVEN.items():
        command = ["-m", "pytest", "-q", "-p", "no:cacheprovider", *(f"tests/{file}" for file in files)]
        done = subprocess.run([sys.executable, *command], cwd=TESTS.parent, capture_output=True, text=True, check=False)
        if done.returncode:
            sys.exit(f"{' '.join(command)} failed:\n{done.stdout[-3000:]}")
        last = done.stdout.splitlines()[-1]
        count = {word: int(number) for number, word in re.findall(r"(\d+) (passed|skipped)", last)}
        yield {
            "what": what,
            "passed": count["passed"],
            "skipped": count.get("skipped", 0),
            "command": f"pytest {' '.join(command[5:])}",
        }


def main():
    rows = [*campaigns(), *suites()]
    write("reliability", rows, versions=versions("numpy", "faiss-cpu", "litestar", "psycopg", "pymilvus"))
