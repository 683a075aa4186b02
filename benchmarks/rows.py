"""What a row of a speed result says: its limit, whether that holds, what both sides took, and what became of it."""

# The entries of a row that say what was measured; the others are measurements.
ABOUT = ("what", "backend", "threads", "clients", "batch", "data", "rows", "kept_percent")
# Where a row keeps what our side took, in the unit of the peer's number.
ABSOLUTE = ("ours_absolute", "cpu_ms", "extra_mb", "cpu_ms_per_step", "cpu_s", "wall_ms", "queries_per_s")
UNITS = {
    "cpu_ms": "ms",
    "extra_mb": "MB",
    "cpu_ms_per_step": "ms",
    "cpu_s": "s",
    "wall_ms": "ms",
    "queries_per_s": "/s",
}
PAIRS = {"us": "µs", "ms": "ms", "s": "s", "rows_per_s": "/s", "/s": "/s"}  # ours_ms beside peer_ms
WORSE = 1.2


def key(row):
    """What a row is about, by which it is found again in another result."""
    return tuple(row.get(name) for name in ABOUT)


def limit(row):
    """The limit of a row, None where it has none, and whether it is the least that is asked for."""
    if "at_most" in row:
        return row["at_most"], False
    at_least = row.get("at_least", False)
    return (row.get("floor"), at_least) if isinstance(at_least, bool) else (at_least, True)


def finds(row):
    """Whether what was measured finds as many of the neighbours as it must, where that is asked."""
    return row.get("ours_recall", 1.0) >= row.get("least_recall", 0.0)


def holds(row):
    """Whether a row keeps to its limit, at the recall that is asked for; None where it has none."""
    bound, least = limit(row)
    if bound is None:
        return None
    if not finds(row):
        return False
    return row["ours"] >= bound if least else row["ours"] <= bound


def sides(row):
    """What ours and the peer took, and the unit; the peer's is None, or words, where it was not measured beside."""
    for unit, sign in PAIRS.items():
        if f"peer_{unit}" in row:
            return row[f"ours_{unit}"], row[f"peer_{unit}"], sign
    peer = row.get("peer")
    name = next((name for name in ABSOLUTE if name in row), "ours")
    if isinstance(peer, dict):
        peer = peer.get("faiss", peer)[name]
    return row[name], peer, UNITS.get(name, "")


def each_peer(row):
    """The row, and one for each further peer that was measured beside, which have no limit."""
    yield row
    peers = row["peer"] if isinstance(row.get("peer"), dict) else {}
    for name in [name for name in peers if isinstance(peers[name], dict) and name != "faiss"]:
        ours, peer, unit = sides(row | {"peer": peers[name]})
        about = {key: row[key] for key in ABOUT if key in row} | {"what": row["what"].replace("raw faiss", name)}
        yield about | {"ours": ours / peer, f"ours_{unit}": ours, f"peer_{unit}": peer}


def standing(row):
    """The number by which a row is compared with an earlier one.

    Where the limit moves with the peer, the number itself moves with the machine: the ratio of the two does not.
    """
    moves = row.get("peer") and not isinstance(row.get("at_least", False), bool)
    return row["ours"] / row["peer"] if moves else row["ours"]


def times_worse(row, before):
    """How many times as bad a row is as it was, above 1 for worse; None about nothing, which has no ratio."""
    now, then = standing(row), standing(before)
    if min(now, then) <= 0:
        return None
    return then / now if limit(row)[1] else now / then


def compare(rows, earlier):
    """Keep in each row what it was before, and how many times worse it is; return those that got worse."""
    known = {key(row): row for row in earlier if "ours" in row}
    for row in rows:
        if "ours" in row and key(row) in known:
            row["before"] = known[key(row)]["ours"]
            row["times_worse"] = times_worse(row, known[key(row)])
    return [row for row in rows if (row.get("times_worse") or 0) > WORSE]
