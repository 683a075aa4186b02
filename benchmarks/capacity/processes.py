"""CPU time of processes and all they have started, as Linux counts it."""

import os
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")


def cpu_of(*pids):
    """Seconds of these processes and of what they have started, whether it still runs or was waited for."""
    parents, spent = {}, {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):  # it has ended meanwhile
            continue
        pid = int(stat.parent.name)
        parents[pid] = int(fields[1])
        spent[pid] = sum(map(int, fields[11:15])) / TICKS  # utime, stime, and those of children that have ended
    return sum(spent[pid] for pid in spent if _is_of(pid, parents, pids))


def _is_of(pid, parents, pids):
    while pid and pid not in pids:
        pid = parents.get(pid, 0)
    return pid in pids
