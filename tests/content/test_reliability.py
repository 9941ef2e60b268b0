"""docs/reliability.md tells what happens when things break; every row names the test that breaks them, and no such test is left out."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
PAGE = (ROOT / "docs" / "reliability.md").read_text(encoding="utf-8")
FAULTS = ("test_faults.py", "test_faults_more.py")


def names_in(path: Path) -> set[str]:
    body = ast.parse(path.read_text(encoding="utf-8")).body
    return {node.name for node in body if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.name.startswith("test_")}


def rows() -> list[list[str]]:
    """The cells of every row of the fault tables."""
    lines = [line.strip().strip("|").split(" | ") for line in PAGE.splitlines() if line.startswith("| ") and "`test_" in line]
    return [[cell.strip() for cell in line] for line in lines]


def test_every_test_that_is_named_exists() -> None:
    known = set().union(*(names_in(path) for path in (ROOT / "tests" / "runtime").glob("test_*.py")))
    named = set(re.findall(r"`(test_\w+)`", PAGE))
    assert named - known == set()


def test_every_fault_that_is_tested_has_its_row() -> None:
    faults = set().union(*(names_in(ROOT / "tests" / "runtime" / name) for name in FAULTS))
    in_tables = {name for row in rows() for name in re.findall(r"`(test_\w+)`", row[-1])}
    assert faults - in_tables == set()


def test_every_row_says_what_is_lost() -> None:
    """Fault, stock, ours, lost or doubled with ours, test: none of ours is lost."""
    assert len(rows()) >= 25
    for row in rows():
        assert len(row) == 5 and all(row), row
        assert row[3] == "0", row
