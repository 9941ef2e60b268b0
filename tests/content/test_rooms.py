"""Imports between the rooms go only downwards: a room knows those below it and nothing of those above."""

import ast
from collections.abc import Iterator

import pytest

from tests.content.test_documentation import ROOT, our_code, tracked

BELOW = {
    "knowledge": set(),
    "runtime": set(),
    "widget": {"bootstrap"},  # the one file of runtime/ that runs before there are packages
    "nlu": {"knowledge", "runtime"},
    "clinic": {"knowledge", "runtime"},
    "actions": {"knowledge", "clinic"},
    "channels": {"runtime"},
    "bench": {"knowledge", "runtime", "nlu", "clinic", "actions", "channels", "tests"},
}
# `make chat` is one command: it trains if needed and talks.
EXCEPTIONS = {("channels/terminal.py", "nlu")}
ROOMS = {*BELOW, "tests", "bootstrap"}


def imported(source: str) -> Iterator[str]:
    """The first part of every module that a file imports, wherever in the file it does so."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (name.name.partition(".")[0] for name in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            yield node.module.partition(".")[0]
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module") and node.args and isinstance(node.args[0], ast.Constant):
            yield str(node.args[0].value).partition(".")[0]


def upward(path: str, source: str) -> set[tuple[str, str]]:
    """(file, room) for each room that the file at `path` may not know."""
    room = path.partition("/")[0]
    return {(path, other) for other in imported(source) if other in ROOMS - BELOW[room] - {room}}


def test_every_import_goes_downwards() -> None:
    found = set().union(*(upward(p.relative_to(ROOT).as_posix(), p.read_text(encoding="utf-8")) for p in our_code()))
    assert found == EXCEPTIONS


def test_every_room_with_code_has_its_place() -> None:
    assert {p.relative_to(ROOT).parts[0] for p in our_code()} == set(BELOW)


def test_nothing_goes_round_in_a_circle() -> None:
    def reach(room: str, way: tuple[str, ...] = ()) -> None:
        assert room not in way, way
        for below in BELOW.get(room, ()):
            reach(below, (*way, room))

    for room in BELOW:
        reach(room)


@pytest.mark.parametrize(
    "source",
    ["from actions.answers import fill", "import actions", "def late():\n    from actions import records", "importlib.import_module('actions.records')"],
)
def test_an_import_upwards_is_seen_wherever_it_stands(source: str) -> None:
    assert upward("clinic/website/page.py", source) == {("clinic/website/page.py", "actions")}


def test_the_readme_has_a_line_for_every_room() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    rooms = {p.relative_to(ROOT).parts[0] for p in tracked() if len(p.relative_to(ROOT).parts) > 1}
    assert {room for room in rooms if not room.startswith(".") and f"`{room}/`" not in readme} == set()
