"""How soon the explorer shows a map, beside the least page that draws every point with plotly.js.

Needs Debian's `chromium`, which draws without a GPU here. Both pages are loaded in turns, each in a fresh profile, and
the clock stops when the first points are on the canvas: a pixel is read back, which waits for the drawing. The map has
been computed before, as the bare page's points have; how long that took is told too.
"""

import contextlib
import json
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from measure import RESULTS, versions, write

HERE = Path(__file__).parent
ROUNDS = 5
FLOORS = {100_000: 1.2, 1_000_000: 0.5}
# After the first points are given to the canvas, and the script that did so is done.
CLOCK = """
for (const name of ["drawArrays", "drawElements"]) {
  const draw = WebGLRenderingContext.prototype[name];
  WebGLRenderingContext.prototype[name] = function (...about) {
    draw.apply(this, about);
    if (window.drawing || about[0] !== this.POINTS) return;
    window.drawing = true;
    setTimeout(() => {
      this.readPixels(0, 0, 1, 1, this.RGBA, this.UNSIGNED_BYTE, new Uint8Array(4));
      window.painted = performance.now();
    });
  };
}
"""


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


@contextlib.contextmanager
def running(*command, port):
    process = subprocess.Popen([sys.executable, *map(str, command)], cwd=HERE)
    try:
        for _ in range(600):
            if process.poll() is not None:
                sys.exit(f"{command[0]} ended with {process.returncode}")
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                break
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def make_map(address):
    """Seconds until the map of the index is there."""
    started = time.monotonic()
    while True:
        with urllib.request.urlopen(f"{address}/v1/indexes/points/map") as answer:
            if answer.status == 200:
                return time.monotonic() - started, json.load(answer)["drawn"]


def first_paint(browser, address):
    page = browser.new_page(viewport={"width": 1360, "height": 860})
    page.add_init_script(CLOCK)
    page.goto(address)
    page.wait_for_function("window.painted", timeout=120_000)
    milliseconds = page.evaluate("window.painted")
    page.close()
    return milliseconds / 1e3


def measure(browser, folder, count):
    index = Path(folder, str(count), "points.index")
    index.parent.mkdir()
    subprocess.run([sys.executable, str(HERE / "ours.py"), "build", str(index), str(count)], check=True)
    ports = free_port(), free_port()
    with (
        running("ours.py", "serve", index, ports[0], port=ports[0]) as ours,
        running("peer.py", ports[1], count, port=ports[1]) as peer,
    ):
        seconds, drawn = make_map(ours)
        pages = {"ours": f"{ours}/explorer/", "peer": f"{peer}/"}
        paints = {name: [] for name in pages}
        for _ in range(ROUNDS):
            for name, address in pages.items():
                paints[name].append(first_paint(browser, address))
    best = {name: min(values) for name, values in paints.items()}  # what else the machine does only adds
    return {
        "what": f"first paint with {count:,} points over the bare page's",
        "ours": best["ours"] / best["peer"],
        "floor": FLOORS[count],
        "ours_s": best["ours"],
        "peer_s": best["peer"],
        "drawn_first": drawn,
        "map_made_s": seconds,
    }


def main():
    from playwright.sync_api import sync_playwright

    program = shutil.which("chromium")
    if program is None:
        sys.exit("the program chromium is needed: apt-get install chromium")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--use-angle=swiftshader"])
        version = browser.version
        rows = [measure(browser, folder, count) for count in FLOORS]
        browser.close()
    RESULTS.mkdir(exist_ok=True)
    write("explorer", rows, versions=versions("plotly", "litestar", "uvicorn", "playwright") | {"chromium": version})
    for row in rows:
        mark = "ok  " if row["ours"] <= row["floor"] else "MISS"
        times = f"{row['ours_s']:.2f} s, {row['peer_s']:.2f} s"
        print(f"{mark} {row['what']}: {row['ours']:.2f} (floor {row['floor']}; {times})")
