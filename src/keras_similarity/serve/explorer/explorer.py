"""The explorer of a server: maps and findings, each made once and kept until somebody wants it anew."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from keras_similarity.calibrate import CalibrationResults
from keras_similarity.serve.explorer.decisions import decisions
from keras_similarity.serve.explorer.findings import findings
from keras_similarity.serve.explorer.index_map import IndexMap, Project
from keras_similarity.serve.explorer.jobs import Jobs
from keras_similarity.serve.problems import Problem
from keras_similarity.serve.served_index import ServedIndex

__all__ = ["Explorer"]


class Explorer:
    """What a server with the explorer page has beside its indexes.

    Args:
        project: Embeddings `(n, d)` -> places in the plane `(n, 2)`.
        most_points: That a page draws at a time.
        seed: Of which of many those are.
    """

    def __init__(self, project: Project, *, most_points: int = 50_000, seed: int = 0) -> None:
        self._project = project
        self._most_points = most_points
        self._seed = seed
        self._jobs = Jobs()
        self._maps: dict[str, IndexMap] = {}
        self._lookers = ThreadPoolExecutor(2, thread_name_prefix="looks")

    async def map(self, served: ServedIndex, *, renew: bool = False) -> IndexMap:
        """Return the map of an index.

        Raises:
            NotReadyError: it is being made.
        """

        def make() -> IndexMap:
            return IndexMap(served.index, self._project, self._most_points, self._seed)

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
            return calibration, decisions(served.index, drawn, calibration)

        made_by, answer = await self._jobs.answer(question, make, renew=renew)
        if answer["map"] != drawn.number or made_by is not calibration:
            _, answer = await self._jobs.answer(question, make, renew=True)
        return answer

    async def findings(self, served: ServedIndex, kind: str, *, renew: bool = False) -> dict[str, Any]:
        """Return what is probably wrong; see `findings`."""
        drawn = await self.map(served)
        return await self._jobs.answer((served.name, kind), lambda: findings(served.index, drawn, kind), renew=renew)

    async def run(self, look: Callable[[], Any]) -> Any:
        """Call what takes milliseconds, beside the loop that answers requests."""
        return await asyncio.get_running_loop().run_in_executor(self._lookers, look)

    def close(self) -> None:
        """Let the threads end."""
        self._jobs.close()
        self._lookers.shutdown(wait=False, cancel_futures=True)
