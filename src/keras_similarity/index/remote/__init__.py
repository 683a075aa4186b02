"""Indexes that live in a database: the same `Index`, its rows on a server that many processes share."""

import importlib
from typing import Any

__all__ = ["DATABASES", "database_class", "is_address", "shown_address"]

# Scheme of a URL -> the package, and its class of indexes.
DATABASES = {
    "postgresql": ("postgres", "PostgresIndex"),
    "postgres": ("postgres", "PostgresIndex"),
    "milvus": ("milvus", "MilvusIndex"),
    "qdrant": ("qdrant", "QdrantIndex"),
}


def is_address(place: Any) -> bool:
    """Whether this names a database, not a folder."""
    return isinstance(place, str) and "://" in place


def database_class(address: str) -> type[Any]:
    """Return the class of indexes in the database that an address names.

    Raises:
        ValueError: no database of this kind is known.
    """
    package, name = _known(address)
    return getattr(importlib.import_module(f"{__name__}.{package}.index"), name)


def shown_address(address: str) -> str:
    """Return what people may see of an address: the `store` of an index that lives there."""
    package, _ = _known(address)
    return importlib.import_module(f"{__name__}.{package}.address").Address.parse(address).shown


def _known(address: str) -> tuple[str, str]:
    scheme = address.partition("://")[0]
    if scheme not in DATABASES:
        raise ValueError(
            '`store` must be a folder, "memory" or a URL of postgresql://…?table=NAME, milvus://…?table=NAME or '
            f"qdrant://…?table=NAME: got one of {scheme[:20]}://.\n  Pass one of these."
        )
    return DATABASES[scheme]
