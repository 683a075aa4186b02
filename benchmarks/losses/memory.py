"""Peak resident memory of a call, above what was resident before it (Linux)."""

import ctypes
import gc
from pathlib import Path


def extra_mb(call, *, warm_up=True):
    """Megabytes that a call adds at its peak, and what it returns; a warm-up compiles what it needs before."""
    if warm_up:
        call()
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)  # freed memory that stays resident would be used without being seen
    before = reset_peak()
    result = call()
    return peak_mb() - before, result


def reset_peak():
    """Start counting; return what is resident now, in MB."""
    Path("/proc/self/clear_refs").write_text("5")
    return _field("VmRSS")


def peak_mb():
    """The most that was resident since."""
    return _field("VmHWM")


def _field(name):
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name)) / 1024
