"""Whether an item satisfies a filter, read off the raw JSON: one item, one condition at a time."""

from hypothesis import strategies as st

MISSING = object()


def satisfies(where, item):
    """`item` is a dict with "id", "label" (None for none) and "metadata" (a dict or None)."""
    for key, condition in where.items():
        if key == "and":
            held = all(satisfies(part, item) for part in condition)
        elif key == "or":
            held = any(satisfies(part, item) for part in condition)
        elif key == "not":
            held = not satisfies(condition, item)
        else:
            value = item[key] if key in ("id", "label") else (item["metadata"] or {}).get(key, MISSING)
            conditions = condition if isinstance(condition, dict) else {"eq": condition}
            held = all(compares(value, operation, operand) for operation, operand in conditions.items())
            if key == "label" and "exists" in conditions:  # no label is null to compare with, and none there
                held = (value is not None) == conditions["exists"]
        if not held:
            return False
    return True


def as_item(record):
    return {"id": record.id, "label": record.label, "metadata": record.metadata}


def compares(value, operation, operand):
    if operation == "eq":
        return value is not MISSING and type_of(value) == type_of(operand) and value == operand
    if operation == "ne":
        return not compares(value, "eq", operand)
    if operation == "in":
        return any(compares(value, "eq", member) for member in operand)
    if operation == "nin":
        return not compares(value, "in", operand)
    if operation == "exists":
        return (value is not MISSING) == operand
    if type_of(value) not in ("number", "string") or type_of(value) != type_of(operand):
        return False
    if operation == "gt":
        return value > operand
    if operation == "gte":
        return value >= operand
    return value < operand if operation == "lt" else value <= operand


def type_of(value):
    if value is MISSING:
        return "missing"
    return {bool: "bool", int: "number", float: "number", str: "string", type(None): "null"}.get(type(value), "other")


def combined(conditions):
    """Filters made of some, to any depth."""
    return st.recursive(
        conditions,
        lambda part: st.one_of(
            st.fixed_dictionaries({"and": st.lists(part, max_size=3)}),
            st.fixed_dictionaries({"or": st.lists(part, max_size=3)}),
            st.fixed_dictionaries({"not": part}),
        ),
        max_leaves=5,
    )
