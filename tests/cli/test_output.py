"""What a command shows is whole: in a pipe a line a row, and in a terminal as wide as it may be."""

import re
import sys

import pytest

from keras_similarity.cli.output import show_rows, show_values

LONG = "folder/" + "very-long-name-" * 12 + "of/an/image.png"
ROWS = [
    {"rank": 1, "id": LONG, "label": 1234567, "distance": 0.123456, "metadata": {"of": LONG}},
    {"rank": 2, "id": "[bold]", "label": None, "distance": 12.5, "metadata": None},
]
AMOUNTS = [
    {"design": "exact", "items": 65_000_000_000, "hours of CPU": 1234567.8, "here": "a reason of several words"}
] * 2


@pytest.fixture
def terminal(monkeypatch):
    """Makes stdout a terminal of so many columns."""

    def of(columns):
        monkeypatch.setenv("COLUMNS", str(columns))
        monkeypatch.setattr(sys.stdout, "isatty", lambda: True)

    return of


def shown(capsys, rows=ROWS, **more):
    show_rows(rows, as_json=False, **more)
    return re.sub("\x1b\\[[0-9;]*m", "", capsys.readouterr().out)  # without bold and the like


def test_pipe__shows_each_row_whole_on_a_line(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")  # as a shell exports it: a pipe has no columns
    _, _, _, first, second, _ = shown(capsys).splitlines()
    assert [cell.strip() for cell in first.split("│")][1:-1] == ["1", LONG, "1234567", "0.1235", str({"of": LONG})]
    assert [cell.strip() for cell in second.split("│")][1:-1] == ["2", "[bold]", "", "12.5", ""]


def test_pipe__text_of_several_lines_and_wide_letters__stays_on_one(capsys):
    out = shown(capsys, [{"id": "one\ntwo\tthree", "label": "猫" * 30}])
    assert len(out.splitlines()) == 5
    assert "one two three" in out
    assert "猫" * 30 in out


def test_terminal__folds_what_is_too_long_and_loses_nothing(capsys, terminal):
    terminal(80)
    lines = shown(capsys).splitlines()
    assert max(map(len, lines)) <= 80
    folded = [line.split("│")[2].strip() for line in lines if line.count("│") == 6]
    assert "".join(folded) == f"{LONG}[bold]"
    assert " 1234567 " in "".join(lines)
    assert "…" not in "".join(lines)


def test_terminal__too_narrow_for_the_numbers__is_a_line_a_value(capsys, terminal):
    terminal(50)
    first, second = shown(capsys, AMOUNTS, counts=("items", "hours of CPU")).split("\n\n")
    assert first.split("\n") == [
        "design        exact",
        "items         65,000,000,000",
        "hours of CPU  1,234,568",
        "here          a reason of several words",
    ]
    assert second.strip() == first


def test_terminal__wide_enough_for_the_numbers__is_a_table(capsys, terminal):
    terminal(100)
    lines = shown(capsys, AMOUNTS, counts=("items", "hours of CPU")).splitlines()
    assert sum(" 65,000,000,000 " in line for line in lines) == 2
    assert len(lines) == 6
    terminal(60)
    lines = shown(capsys, AMOUNTS, counts=("items", "hours of CPU")).splitlines()
    assert sum(" 65,000,000,000 " in line for line in lines) == 2
    assert max(map(len, lines)) <= 60


def test_numbers_that_are_no_amounts__stay_as_they_are(capsys):
    assert " 65000000000 " in shown(capsys, AMOUNTS)


def test_json__is_the_values(capsys):
    show_rows(AMOUNTS[:1], as_json=True, counts=("items",))
    assert '"items": 65000000000, "hours of CPU": 1234567.8' in capsys.readouterr().out


def test_values__show_amounts_with_separators(capsys):
    show_values({"index": "my.index", "items": 1000000, "ok": True, "loss": 0.123456, "bytes": 2.5e9}, as_json=False)
    assert capsys.readouterr().out.splitlines() == [
        "index  my.index",
        "items  1,000,000",
        "ok     True",
        "loss   0.1235",
        "bytes  2,500,000,000",
    ]


def test_no_rows__are_said_to_be_none(capsys):
    assert shown(capsys, []) == "nothing\n"
