"""The labels of an index in Milvus: notes, those of one write together."""

from typing import Any

from keras_similarity.index.remote.label_table import LabelTable
from keras_similarity.index.remote.milvus.schema import labels_between
from keras_similarity.index.remote.milvus.session import Session

__all__ = ["MilvusLabels"]


class MilvusLabels(LabelTable):
    """Labels in notes; who asks gives the state, whose number of labels counts.

    Args:
        session: Where they are.
    """

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session

    def _after(self, source: Any, count: int) -> list[str]:
        return labels_between(self._session, count, source.labels) if count < source.labels else []
