import numpy as np
import pytest

from keras_similarity.core.where import ABSENT, And, Comparison, comparisons, parse_where


def nested(levels):
    where = {"a": 1}
    for _ in range(levels):
        where = {"not": where}
    return where


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ({"price": {"gte_": 1}}, r"got 'gte_' for 'price'.\n  Did you mean 'gte'\?"),
        ({"price": {}}, "needs an operation for 'price'"),
        ({"price": {"in": "abc"}}, "needs a list for 'in' of 'price': got 'abc'"),
        ({"price": {"lt": True}}, "needs a number or a string for 'lt'"),
        ({"price": {"lt": None}}, "needs a number or a string for 'lt'"),
        ({"price": {"gt": float("nan")}}, "needs a number or a string for 'gt'"),
        ({"price": {"eq": float("nan")}}, "for 'eq' of 'price': got nan"),
        ({"price": [1, 2]}, r"for 'eq' of 'price': got \[1, 2\].\n  Lists go with 'in'"),
        ({"price": {"exists": 1}}, "needs true or false for 'exists'"),
        ({"and": {"a": 1}}, 'needs a list of conditions for "and"'),
        ({"label": [["a"]]}, "for 'eq' of 'label'"),
        (nested(33), "may have 32 levels"),
        (nested(100_000), "may have 32 levels"),
    ],
    ids=lambda value: value[:30] if isinstance(value, str) else "",
)
def test_parse_where__no_filter__says_what_is_wrong(where, message):
    with pytest.raises(ValueError, match=message):
        parse_where(where)


@pytest.mark.parametrize("where", [[], "cat", None, {3: 1}, {"not": [1]}, {"or": [3]}])
def test_parse_where__no_dict_of_strings__is_a_type_error(where):
    with pytest.raises(TypeError, match="`where` needs"):
        parse_where(where)


def test_parse_where__numpy_values__become_plain_ones():
    tree = parse_where({"a": np.int64(3), "b": {"in": np.array([1, 2])}})
    assert [(type(part.operand), part.operand) for part in comparisons(tree)] == [(int, 3), (tuple, (1, 2))]


def test_parse_where__several_fields_and_operations__are_joined_by_and():
    tree = parse_where({"a": 1, "b": {"gte": 2, "lt": 3}})
    assert tree == And((Comparison("a", "eq", 1), Comparison("b", "gte", 2), Comparison("b", "lt", 3)))


@pytest.mark.parametrize(
    ("operation", "operand", "value", "holds"),
    [
        ("eq", 1, 1.0, True),
        ("eq", 1, True, False),
        ("eq", None, None, True),
        ("eq", None, ABSENT, False),
        ("ne", 1, ABSENT, True),
        ("nin", (1,), ABSENT, True),
        ("exists", False, ABSENT, True),
        ("exists", True, None, True),
        ("gt", 1, "2", False),
        ("gt", "a", "b", True),
        ("lt", 1, False, False),
        ("lte", 2, 2, True),
        ("gte", 2**60, 2**60 + 1, True),
        ("lt", 1, [0], False),
    ],
)
def test_comparison_holds(operation, operand, value, holds):
    assert Comparison("field", operation, operand).holds(value) is holds
