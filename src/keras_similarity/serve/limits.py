"""What a server takes at most; each limit is an option of `serve`, and a refused request names it."""

from dataclasses import dataclass

__all__ = ["Limits"]

MEGABYTE = 1_000_000


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of every request, so that no client can take the machine from the others.

    Args:
        body_bytes: Of a request's body.
        batch: Queries, items or inputs of one request.
        k: Neighbours of one query.
        neighbors: Of all queries of one request, queries × k.
        answer_bytes: Of one answer; of a vector, each number counts as 16.
        metadata_bytes, metadata_depth: Of one item's metadata, as JSON.
        image_bytes, image_pixels: Of one image, encoded and decoded.
        request_pixels: Of all images of one request.
        in_flight: Requests answered at a time; one more gets 429.
        queue: Rows that wait for the model, or for one index; one more gets 429.
        connections: Open at a time; one more is closed.
        deadline_seconds: From a request's last byte to its answer, else 504; a model that takes as long is given up.
        read_seconds: For a client to send headers, and again a body, or to take an answer.
        keep_alive_seconds: That an idle connection stays open.
        stop_seconds: For requests under way when the server is stopped.

    Example:
        >>> Limits(k=100).k, Limits().batch
        (100, 256)
        >>> Limits(batch=0)
        Traceback (most recent call last):
        ValueError: `batch` must be above 0: got 0.
          Leave it out for a default.
    """

    body_bytes: int = 10 * MEGABYTE
    batch: int = 256
    k: int = 1000
    neighbors: int = 100_000
    answer_bytes: int = 50 * MEGABYTE
    metadata_bytes: int = 16_384
    metadata_depth: int = 8
    image_bytes: int = 10 * MEGABYTE
    image_pixels: int = 20 * MEGABYTE
    request_pixels: int = 100 * MEGABYTE
    in_flight: int = 256
    queue: int = 1024
    connections: int = 1024
    deadline_seconds: float = 30.0
    read_seconds: float = 10.0
    keep_alive_seconds: float = 5.0
    stop_seconds: float = 10.0

    def __post_init__(self) -> None:
        for name in self.__slots__:
            if not getattr(self, name) > 0:
                raise ValueError(
                    f"`{name}` must be above 0: got {getattr(self, name)!r}.\n  Leave it out for a default."
                )
