"""A real Milvus for tests, started from the wheel `milvus` and killed at the end."""

import itertools
import os
import shutil
import socket
import subprocess
import time
import urllib.request
from pathlib import Path
from urllib.parse import quote

from keras_similarity import Index

TABLES = itertools.count()
START_SECONDS = 120
# The same for what the file of settings has no line for; the last is in seconds.
QUICKER_TOO = {
    "QUERYCOORD_CHECKCHANNELINTERVAL": "50",
    "QUERYCOORD_CHECKSEGMENTINTERVAL": "50",
    "QUERYCOORD_CHECKINDEXINTERVAL": "50",
    "QUERYCOORD_UPDATENEXTTARGETINTERVAL": "1",
}
AHEAD = 6  # indexes
# How often the server's parts look at each other, in milliseconds: oftener, so that tests wait less.
QUICKER = {
    "proxy.timeTickInterval": 20,
    "queryCoord.checkInterval": 50,
    "queryCoord.distPullInterval": 50,
    "queryCoord.checkHandoffInterval": 200,
}


def free_ports(count):
    """Ports that nobody listens on now."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()


class MilvusServer:
    """A server of its own: every port of it is a free one, its data are in its folder."""

    def __init__(self, folder, *, quicker=True, **settings):
        import milvus

        self._config = milvus.MilvusServerConfig(data_dir=str(folder))
        names = [name for name in self._config.configurable_items if name.endswith("_port")]
        self.port, self._health, peer, *others = free_ports(3 + len(names))
        self._config.configs |= dict(zip(names, others, strict=True)) | {"proxy_port": self.port}
        for name, value in settings.items():
            self._config.set(name, value)
        for name, value in QUICKER.items() if quicker else ():
            self._config.set(name, value)
        self._quicker = QUICKER_TOO if quicker else {}
        self._config.resolve()
        milvus._initialize_data_files(str(folder))
        self.folder = Path(folder)
        etcd = self.folder / "etcd.yaml"
        client = self._config.get("etcd_port")
        etcd.write_text(
            f"name: default\nlisten-client-urls: http://127.0.0.1:{client}\n"
            f"advertise-client-urls: http://127.0.0.1:{client}\nlisten-peer-urls: http://127.0.0.1:{peer}\n"
            f"initial-advertise-peer-urls: http://127.0.0.1:{peer}\ninitial-cluster: default=http://127.0.0.1:{peer}\n"
        )
        self._process = None
        self._waiting = {}
        self.start()

    def url(self, table=None, user="", password="", **options):
        """A URL with a table of its own, unless one is named."""
        table = table or f"items_{next(TABLES)}"
        more = "".join(f"&{name}={quote(str(value), safe='')}" for name, value in options.items())
        who = f"{user}:{quote(password, safe='')}@" if user else ""
        return f"milvus://{who}127.0.0.1:{self.port}?table={table}{more}"

    def index(self, dim, distance="cosine", *, options=None, **settings):
        """A new index in a collection of its own.

        The server takes two seconds to load a collection, and as long for several: some are made ahead of who asks.
        """
        key = repr((dim, distance, options, settings))
        if not self._waiting.get(key):
            more = AHEAD if key in self._waiting else 1
            urls = [self.url(**(options or {})) for _ in range(more)]
            self._waiting[key] = [Index(dim, distance, store=url, **settings) for url in urls]
        return self._waiting[key].pop()

    def client(self):
        from pymilvus import MilvusClient

        return MilvusClient(f"http://127.0.0.1:{self.port}", timeout=10.0)

    def start(self):
        binary = self.folder / "bin" / "milvus"
        paths = f"{binary.parent}:{os.environ.get('LD_LIBRARY_PATH', '')}"
        environment = os.environ | {
            "DEPLOY_MODE": "STANDALONE",
            "METRICS_PORT": str(self._health),
            "MILVUS_RUN_DIR": str(self.folder / "run"),
            "ETCD_CONFIG_PATH": str(self.folder / "etcd.yaml"),
            "LD_LIBRARY_PATH": paths,
        }
        environment |= self._quicker
        with (self.folder / "milvus.log").open("ab") as log:
            self._process = subprocess.Popen(
                [binary, "run", "standalone"], cwd=self.folder, env=environment, stdout=log, stderr=log
            )
        self._wait()

    def _wait(self):
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until and self._process.poll() is None:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self._health}/healthz", timeout=5) as answer:
                    if b"OK" in answer.read():
                        return
            except OSError:
                pass
            time.sleep(0.1)
        self.stop()
        raise RuntimeError(f"Milvus did not start; see {self.folder / 'milvus.log'}")

    def stop(self):
        """As a crash does: SIGTERM takes it minutes."""
        self._process.kill()
        self._process.wait()

    def close(self):
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)
