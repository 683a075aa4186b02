"""What pgvector compares by, and how wide a row it takes."""

__all__ = ["MOST_WIDE", "MOST_WIDE_GRAPH", "OPERATORS"]

# Distance -> pgvector's operator, and the end of its operator class.
OPERATORS = {
    "cosine": ("<=>", "cosine_ops"),
    "euclidean": ("<->", "l2_ops"),
    "squared_euclidean": ("<->", "l2_ops"),
    "inner_product": ("<#>", "ip_ops"),
    "manhattan": ("<+>", "l1_ops"),
}
MOST_WIDE = 16_000  # numbers of a row that it keeps
MOST_WIDE_GRAPH = {"float32": 2000, "float16": 4000}  # and that its graph takes
