"""The explorer of a server: maps and findings, each made once and kept until somebody wants it anew."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from keras_similarity.calibrate import CalibrationResults
from keras_similarity.core.image_folder import image_bytes
from keras_similarity.core.results import Record
from keras_similarity.serve.explorer.decisions import decisions
from keras_similarity.serve.explorer.findings import findings
from keras_similarity.serve.explorer.index_map import IndexMap, Project
from keras_similarity.serve.explorer.jobs import Jobs
from keras_similarity.serve.explorer.previews import preview
from keras_similarity.serve.problems import Problem
from keras_similarity.serve.served_index import ServedIndex

__all__ = ["Explorer"]


class Explorer:
    """What a server with the explorer page has beside its indexes.

    Args:
        project: Embeddings `(n, d)` -> places in the plane `(n, 2)`.
        most_points: That a page draws at a time.
        seed: Of which of many those are.
        images: Folder in which an item's id is the path of its image, for items that no picture is kept beside; None
            for no such folder.
    """

    def __init__(
        self, project: Project, *, most_points: int = 50_000, seed: int = 0, images: Path | None = None
    ) -> None:
        self._project = project
        self._most_points = most_points
        self._seed = seed
        self._images = images
        self._jobs = Jobs()
        self._maps: dict[str, IndexMap] = {}
        self._lookers = ThreadPoolExecutor(2, thread_name_prefix="looks")

    async def map(self, served: ServedIndex, *, renew: bool = False) -> IndexMap:
        """Return the map of an index.

        Raises:
            NotReadyError: it is being made.
        """

        def make() -> IndexMap:
            with served.lent() as index:
                return IndexMap(index, self._project, self._most_points, self._seed)

        drawn = await self._jobs.answer((served.name, "map"), make, renew=renew)
        self._maps[served.name] = drawn
        return drawn

    def existing_map(self, served: ServedIndex, number: int) -> IndexMap:
        """Return the map that a page has drawn, or raise a 409 if there is another now."""
        drawn = self._maps.get(served.name)
        if drawn is None or drawn.number != number:
            raise Problem(409, f"the map {number} is not the one there is now.\n  Load it with GET …/map.")
        return drawn

    async def decisions(self, served: ServedIndex, *, renew: bool = False) -> dict[str, Any]:
        """Return what neighbours decide on; see `decisions`."""
        calibration = served.existing_calibration()
        drawn = await self.map(served)
        question = (served.name, "decisions")

        def make() -> tuple[CalibrationResults, dict[str, Any]]:
            with served.lent() as index:
                return calibration, decisions(index, drawn, calibration)

        made_by, answer = await self._jobs.answer(question, make, renew=renew)
        if answer["map"] != drawn.number or made_by is not calibration:
            _, answer = await self._jobs.answer(question, make, renew=True)
        return answer

    async def findings(self, served: ServedIndex, kind: str, *, renew: bool = False) -> dict[str, Any]:
        """Return what is probably wrong; see `findings`."""
        drawn = await self.map(served)

        def make() -> dict[str, Any]:
            with served.lent() as index:
                return findings(index, drawn, kind)

        return await self._jobs.answer((served.name, kind), make, renew=renew)

    async def preview(self, record: Record, *, most_bytes: int, most_pixels: int) -> tuple[str, bytes] | None:
        """Return what is kept beside an item, or its image in the folder of images; see `preview`."""

        def look() -> tuple[str, bytes] | None:
            most = {"most_bytes": most_bytes, "most_pixels": most_pixels}
            kept = preview(record.data, **most)
            if kept is not None or self._images is None:
                return kept
            return preview(image_bytes(self._images, record.id, most_bytes=most_bytes), **most)

        return await self.run(look)

    async def run(self, look: Callable[[], Any]) -> Any:
        """Call what takes milliseconds, beside the loop that answers requests."""
        return await asyncio.get_running_loop().run_in_executor(self._lookers, look)

    def close(self) -> None:
        """Let the threads end."""
        self._jobs.close()
        self._lookers.shutdown(wait=False, cancel_futures=True)
