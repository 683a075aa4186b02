"""A reader of a generation that another process has compacted away: what it says is right, the rest it refuses."""

import pytest

from keras_similarity import Index
from keras_similarity.errors import UnknownIdError

AGAIN = r"was removed, and the index was compacted since it was read.\n  Call `refresh\(\)`"


@pytest.fixture
def both(path):
    """A writer and a reader of three items."""
    with Index(1, "euclidean", store=path) as index:
        index.add([[0.0], [1.0], [2.0]], ids=list("abc"), data=list("ABC"), metadata=[{"n": name} for name in "ABC"])
    with Index.open(path) as writer, Index.open(path, read_only=True) as reader:
        yield writer, reader


def test_save__compacted_since__is_refused_until_a_refresh(both, tmp_path):
    writer, reader = both
    writer.remove(["a"])
    writer.compact()
    with pytest.raises(UnknownIdError, match=AGAIN):
        reader.save(tmp_path / "copy")
    assert not (tmp_path / "copy").exists()
    reader.refresh()
    reader.save(tmp_path / "copy")
    kept = [(record.id, record.data, record.metadata) for record in Index.open(tmp_path / "copy").records()]
    assert kept == [("b", "B", {"n": "B"}), ("c", "C", {"n": "C"})]


def test_save__added_to_since__holds_what_the_reader_sees(both, tmp_path):
    writer, reader = both
    writer.add([[3.0]], ids=["d"], data=["D"])
    reader.save(tmp_path / "copy")
    again = Index.open(tmp_path / "copy")
    again.add([[4.0]], ids=["e"], data=["E"], metadata=[{"n": "E"}])
    assert [(record.id, record.data, record.metadata["n"]) for record in again.records()] == [
        (name, name.upper(), name.upper()) for name in "abce"
    ]


def test_filter__compacted_since__says_refresh_and_not_damaged(both):
    writer, reader = both
    writer.remove(["a"])
    writer.compact()
    with pytest.raises(UnknownIdError, match=AGAIN):
        reader.search([[0.0]], k=3, where={"n": "B"})
    reader.refresh()
    assert [item.id for item in reader.search([[0.0]], k=3, where={"n": "B"})[0]] == ["b"]
