"""The process: a socket, signals, and an end without losing what was promised."""

import asyncio
import contextlib
import gc
import importlib
import logging
import signal
import socket
from collections.abc import Callable, Generator

import uvicorn

from keras_similarity.embed import Encoder
from keras_similarity.serve.app import create_app
from keras_similarity.serve.log_lines import log_as_json
from keras_similarity.serve.protocol import make_protocol
from keras_similarity.serve.service import Service, is_loopback

__all__ = ["run_server"]

logger = logging.getLogger(__name__)

REFRESH_SECONDS = 5.0


class Server(uvicorn.Server):
    """Ends with code 0 on SIGTERM and SIGINT; opens its indexes anew on SIGHUP.

    Args:
        config: Uvicorn's.
        service: What is served.
    """

    def __init__(self, config: uvicorn.Config, service: Service) -> None:
        super().__init__(config)
        self._service = service

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        """Take the signals, and give them back without raising them again."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._stop)
        reloads: set[asyncio.Task[None]] = set()

        def reload() -> None:
            task = loop.create_task(self._reload())
            reloads.add(task)
            task.add_done_callback(reloads.discard)

        if hasattr(signal, "SIGHUP"):
            loop.add_signal_handler(signal.SIGHUP, reload)
        yield

    def _stop(self) -> None:
        self._service.stopping = True
        self.force_exit = self.should_exit  # a second signal does not wait
        self.should_exit = True

    async def _reload(self) -> None:
        for served in self._service.indexes.values():
            try:
                await served.reload()
                logger.info("opened the index %s anew", served.name)
            except Exception:  # whatever it is, the server goes on with the index that it has
                logger.exception("the index %s could not be opened anew", served.name)


def run_server(
    service: Service,
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    insecure: bool = False,
    load_encoder: Callable[[], Encoder] | None = None,
    started: Callable[[str], None] = lambda address: None,
) -> None:
    """Serve until SIGTERM or SIGINT; return when requests under way are answered and the indexes closed.

    Args:
        service: What to serve.
        host: Where to listen; another than loopback needs API keys.
        port: Where to listen; 0 for a free one.
        insecure: Listen on another host without keys.
        load_encoder: Loads the model while the server answers "not ready".
        started: Called with the address once it listens.

    Raises:
        ValueError: a host that others reach, and no keys.
        OSError: the address is taken.

    Example:
        >>> run_server(Service({}), host="0.0.0.0")
        Traceback (most recent call last):
        ValueError: a server that others reach needs API keys: got host '0.0.0.0' and none.
          Pass --api-key-file FILE, or keep to 127.0.0.1; --insecure if something else guards it.
    """
    if not (is_loopback(host) or service.keys or insecure):
        raise ValueError(
            f"a server that others reach needs API keys: got host {host!r} and none.\n"
            "  Pass --api-key-file FILE, or keep to 127.0.0.1; --insecure if something else guards it."
        )
    bound = socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET, backlog=2048)
    # Connections inherit it: headers do not wait for bodies.
    bound.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            runner.run(_serve(service, bound, load_encoder, started))
    finally:
        service.log.flush()


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Return uvloop where it is installed: the same answers for half of the loop's own work."""
    try:
        return importlib.import_module("uvloop").new_event_loop
    except ImportError:
        return None


async def _serve(
    service: Service,
    bound: socket.socket,
    load_encoder: Callable[[], Encoder] | None,
    started: Callable[[str], None],
) -> None:
    limits = service.limits
    config = uvicorn.Config(
        create_app(service),
        http=make_protocol(limits.read_seconds, limits.connections),
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=max(1, round(limits.keep_alive_seconds)),
        timeout_graceful_shutdown=max(1, round(limits.stop_seconds)),
    )
    server = Server(config, service)
    service.loading = load_encoder is not None
    failed: list[BaseException] = []
    tasks = [asyncio.create_task(_refresh(service))]
    if load_encoder is not None:
        tasks.append(asyncio.create_task(_load(service, load_encoder, server, failed)))
    address = bound.getsockname()
    started(f"http://{f'[{address[0]}]' if ':' in address[0] else address[0]}:{address[1]}")
    with log_as_json(service.log):
        try:
            await server.serve([bound])
        finally:
            for task in tasks:
                task.cancel()
            service.close()
    if failed:
        raise failed[0]


async def _load(service: Service, load: Callable[[], Encoder], server: Server, failed: list[BaseException]) -> None:
    """Load the model beside the server; a server without the model it was asked for ends."""
    try:
        await asyncio.to_thread(lambda: service.use(load()))
        gc.freeze()  # or a full collection walks all that Keras has made, and requests wait for 0.2 s
    except Exception as error:  # whatever a model does when it is loaded
        failed.append(error)
        server.should_exit = True


async def _refresh(service: Service) -> None:
    """See now and then what other processes wrote."""
    while True:
        await asyncio.sleep(REFRESH_SECONDS)
        for served in service.indexes.values():
            try:
                await served.refresh()
            except Exception:  # the index is served as it is; the next round tries again
                logger.exception("the index %s could not be refreshed", served.name)
