"""The least page that shows as many points: plotly.js, one fetch of float32 numbers, one scattergl trace of one colour.

python peer.py PORT COUNT
"""

import http.server
import importlib.resources
import sys

import numpy as np

PAGE = b"""<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,">
<div id="map" style="width: 100vw; height: 100vh"></div>
<script src="/plotly.min.js"></script>
<script>
  fetch("/points").then((answer) => answer.arrayBuffer()).then((buffer) => {
    const count = buffer.byteLength / 8;
    const [x, y] = [new Float32Array(buffer, 0, count), new Float32Array(buffer, 4 * count, count)];
    Plotly.newPlot("map", [{ type: "scattergl", mode: "markers", x, y, marker: { size: 4 } }], { dragmode: "pan" });
  });
</script>
"""


def main(port, count):
    points = np.random.default_rng(0).normal(size=(2, count)).astype("<f4").tobytes()
    plotly = importlib.resources.files("plotly").joinpath("package_data", "plotly.min.js").read_bytes()
    files = {
        "/": ("text/html", PAGE),
        "/plotly.min.js": ("text/javascript", plotly),
        "/points": ("application/octet-stream", points),
    }

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            kind, content = files[self.path]
            self.send_response(200)
            self.send_header("content-type", kind)
            self.send_header("content-length", str(len(content)))
            self.send_header("cache-control", "no-store")
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *about):
            pass

    http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
