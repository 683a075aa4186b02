"""Indexes that live in a database: the same `Index`, its rows on a server that many processes share."""

from typing import Any

__all__ = ["database_class", "is_address", "shown_address"]


def is_address(place: Any) -> bool:
    """Whether this names a database, not a folder."""
    return isinstance(place, str) and "://" in place


def database_class(address: str) -> type[Any]:
    """Return the class of indexes in the database that an address names.

    Raises:
        ValueError: no database of this kind is known.
    """
    scheme = address.partition("://")[0]
    if scheme in ("postgresql", "postgres"):
        from keras_similarity.index.remote.postgres.index import PostgresIndex

        return PostgresIndex
    raise ValueError(
        f'`store` must be a folder, "memory" or a URL of postgresql://…?table=NAME: got one of {scheme[:20]}://.\n'
        "  Pass one of these."
    )


def shown_address(address: str) -> str:
    """Return what people may see of an address: the `store` of an index that lives there."""
    database_class(address)  # or it raises
    from keras_similarity.index.remote.postgres.address import Address

    return Address.parse(address).shown
