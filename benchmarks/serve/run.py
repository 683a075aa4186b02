"""A vector query over HTTP beside a bare Litestar with faiss, and how soon a server on a million rows is ready.

Needs `wrk` (a Debian package of that name). The server runs on one core and wrk on the other.
"""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

from measure import RESULTS, versions, write

HERE = Path(__file__).parent
KEY = "benchmark-key-of-some-length"
CLIENTS = (32, 1)
SECONDS = 5
ROUNDS = 3
SCRIPT = """
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.headers["Authorization"] = "Bearer %s"
wrk.body = [[%s]]
"""


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def cpu_seconds(pid):
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextlib.contextmanager
def server(*command, port, path, core="0"):
    """A server that answers; its process and the seconds until it did."""
    started = time.monotonic()
    pinned = ["taskset", "-c", core, sys.executable, *map(str, command)]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(pinned, cwd=HERE, stderr=subprocess.DEVNULL, env=environment)
    try:
        while True:
            if process.poll() is not None:
                sys.exit(f"{command[0]} ended with {process.returncode}")
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5).close()
                break
            except urllib.error.HTTPError as error:
                if error.code == 405:  # the peer has one route, for POST
                    break
            except OSError:
                pass
            time.sleep(0.01)
        yield process, time.monotonic() - started
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def cpu_per_request(process, address, clients, folder):
    """Microseconds of the server's CPU for one request, and wrk's latencies."""
    body = json.dumps({"vector": [round(((row * 37) % 64) / 64 - 0.5, 4) for row in range(64)], "k": 10})
    script = Path(folder, "query.lua")
    script.write_text(SCRIPT % (KEY, body))
    before = cpu_seconds(process.pid)
    command = ["taskset", "-c", "1", "wrk", "-t1", f"-c{clients}", f"-d{SECONDS}s", "-s", str(script), address]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    if "Non-2xx" in said:
        sys.exit(said)
    count = next(int(line.split()[0]) for line in said.splitlines() if "requests in" in line)
    return (cpu_seconds(process.pid) - before) / count * 1e6


def vector_query(folder):
    """Ours and the peer in turns, the lower of several rounds each."""
    shelf = Path(folder, "shelf.index")
    subprocess.run([sys.executable, str(HERE / "ours.py"), "build", str(shelf), "10000"], check=True)
    best = {}
    for _ in range(ROUNDS):
        for name in ("ours", "peer"):
            port = free_port()
            command = ("ours.py", "serve", shelf, port, KEY) if name == "ours" else ("peer.py", port)
            route = "/v1/indexes/shelf/query" if name == "ours" else "/query"
            ready = "/readyz" if name == "ours" else "/query"
            with server(*command, port=port, path=ready) as (process, _):
                for clients in CLIENTS:
                    spent = cpu_per_request(process, f"http://127.0.0.1:{port}{route}", clients, folder)
                    best[name, clients] = min(spent, best.get((name, clients), spent))
    # The floor is 130 where the bare peer takes 91: machines differ, so it is the ratio that is asked for.
    return [
        {
            "what": "vector query, CPU µs a request over the bare peer's",
            "clients": clients,
            "ours": best["ours", clients] / best["peer", clients],
            "floor": 130 / 91 if clients == 32 else None,
            "ours_us": best["ours", clients],
            "peer_us": best["peer", clients],
        }
        for clients in CLIENTS
    ]


def cold_start(folder, count=1_000_000):
    shelf = Path(folder, "million.index")
    subprocess.run([sys.executable, str(HERE / "ours.py"), "build", str(shelf), str(count)], check=True)
    size = sum(path.stat().st_size for path in shelf.rglob("*") if path.is_file())
    port = free_port()
    with server("ours.py", "serve", shelf, port, KEY, port=port, path="/readyz", core="0,1") as (process, seconds):
        status = Path(f"/proc/{process.pid}/status").read_text()
        memory = next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM"))
    return [
        {"what": "cold start on 1M × 64, seconds to ready", "ours": seconds, "floor": 2.0},
        {"what": "the same, memory over the index's bytes", "ours": memory / size, "floor": 1.3, "bytes": size},
    ]


def main():
    if shutil.which("wrk") is None:
        sys.exit("the program wrk is needed: apt-get install wrk")
    with tempfile.TemporaryDirectory() as folder:
        rows = [*vector_query(folder), *cold_start(folder)]
    RESULTS.mkdir(exist_ok=True)
    write("serve", rows, versions=versions("litestar", "msgspec", "uvicorn", "uvloop", "httptools", "faiss-cpu"))
    for row in rows:
        mark = "    " if row["floor"] is None else "ok  " if row["ours"] <= row["floor"] else "MISS"
        print(f"{mark} {row['what']}: {row['ours']:.3f} (floor {row['floor']})")
