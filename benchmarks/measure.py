"""CPU time of a call, and the record of where and on what it was measured."""

import importlib.metadata
import json
import os
import platform
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from rows import ABOUT, WORSE, compare

RESULTS = Path(__file__).parent / "results"


def median_cpu_ms(call, *, repeat):
    """Median CPU time of one call in milliseconds, over `repeat` calls after two that warm up."""
    call(), call()
    times = []
    for _ in range(repeat):
        started = time.process_time_ns()
        call()
        times.append(time.process_time_ns() - started)
    return sorted(times)[len(times) // 2] / 1e6


def interleaved_cpu_ms(calls, *, repeat):
    """Median CPU time of each call, taken in turns, so that all meet the same caches and neighbours."""
    for call in calls.values():
        call(), call()
    times = {name: [] for name in calls}
    for _ in range(repeat):
        for name, call in calls.items():
            started = time.process_time_ns()
            call()
            times[name].append(time.process_time_ns() - started)
    return {name: sorted(values)[len(values) // 2] / 1e6 for name, values in times.items()}


def cpu_seconds(call):
    """CPU time of one call in seconds, and what it returned."""
    started = time.process_time()
    value = call()
    return time.process_time() - started, value


def versions(*packages):
    found = {}
    for package in packages:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def run_child(python, script, *arguments, **environment):
    """What a script prints as JSON on its last line, in a process of its own."""
    done = subprocess.run(
        [python, str(script), *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"} | environment,
    )
    if done.returncode:
        sys.exit(f"{script} {' '.join(map(str, arguments))} failed:\n{done.stderr[-3000:]}")
    return json.loads(done.stdout.strip().splitlines()[-1])


def machine():
    model = next(
        (line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line),
        platform.processor(),
    )
    return {"cpu": model, "cores": os.cpu_count(), "python": platform.python_version(), "system": platform.system()}


def committed(name):
    """The rows of the last committed result; none where there is none."""
    command = ["git", "-C", str(RESULTS), "show", f"HEAD:./{name}.json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return json.loads(done.stdout)["rows"] if done.returncode == 0 else []


def write(name, rows, **more):
    """Write a result with the machine, the commit and the day, and say what got worse since the last one."""
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False).stdout
    for row in compare(rows, committed(name)):
        about = ", ".join(f"{row[entry]}" for entry in ABOUT if row.get(entry) is not None)
        sys.stderr.write(
            f"WORSE {about}: {row['ours']:.4g}, before {row['before']:.4g} "
            f"({row['times_worse']:.2f} times, {WORSE} is pointed out)\n"
        )
    record = {
        "name": name,
        "commit": commit.strip(),
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "machine": machine(),
        **more,
        "rows": rows,
    }
    path = RESULTS / f"{name}.json"
    path.write_text(json.dumps(record, indent=1) + "\n")
    print(f"wrote {path}")
