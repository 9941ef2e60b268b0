"""What is written about the project is complete, and the repository holds nothing that only one machine or one run has."""

import ast
import re
import subprocess
from functools import lru_cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
SYSTEM = {"PATH"}  # every machine has it; nobody sets it for us
GENERATED = re.compile(
    r"\.(?:db|sqlite3?|tar\.gz|pyc|log|onnx|safetensors|pkl|npz)$|(?:^|/)(?:models|var|node_modules|__pycache__|\.venv|\.uv|\.rasa|\.hypothesis|\.pytest_cache|\.mypy_cache|\.ruff_cache)/"
    r"|^uv\.lock$|^\.env$"
)
# Written so that this file does not match itself.
MACHINE = re.compile(r"/(?:root|work)/[a-z.]|/home/[a-z]+/|py[t]honhosted|n[p]mjs\.|py[p]i\.(?:org|python)|files\.python[h]osted")


@lru_cache(maxsize=1)
def tracked() -> list[Path]:
    """Files git knows and files it would add."""
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [ROOT / name for name in listed.splitlines() if (ROOT / name).is_file()]


def our_code() -> list[Path]:
    return [p for p in tracked() if p.suffix == ".py" and p.relative_to(ROOT).parts[0] != "tests"]


def variables_read(path: Path) -> set[str]:
    """Names looked up in the environment, and our own names wherever they are written. A default that is only set is not read."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        called = ast.unparse(node.func) if isinstance(node, ast.Call) else ""
        if called.endswith(("environ.get", "environ.pop", "getenv")) and isinstance(node, ast.Call) and isinstance(node.args[0], ast.Constant):
            found.add(str(node.args[0].value))
        elif isinstance(node, ast.Subscript) and ast.unparse(node.value).endswith("environ") and isinstance(node.slice, ast.Constant):
            found.add(str(node.slice.value))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and re.fullmatch(r"STRIA_[A-Z_]+", node.value):
            found.add(node.value)
    return found


def listed() -> list[str]:
    return re.findall(r"^#? ?([A-Z][A-Z0-9_]+)=", (ROOT / ".env.example").read_text(encoding="utf-8"), re.M)


def test_every_variable_read_is_listed_and_every_listed_one_is_read() -> None:
    read = set().union(*map(variables_read, our_code()))
    for name in ("endpoints.yml", "credentials.yml"):
        read |= set(re.findall(r"\$\{(\w+)\}", (ROOT / name).read_text(encoding="utf-8")))
    assert set(listed()) == read - SYSTEM
    assert len(listed()) == len(set(listed()))


def test_every_variable_is_explained_in_the_line_above() -> None:
    lines = (ROOT / ".env.example").read_text(encoding="utf-8").splitlines()
    bare = [line for before, line in zip(["", *lines], lines) if re.match(r"[A-Z]", line) and not before.startswith("# ")]
    assert bare == []


@pytest.mark.parametrize("command", ["make run", "make test", "make chat"])
def test_the_readme_names_the_commands(command: str) -> None:
    assert command in (ROOT / "README.md").read_text(encoding="utf-8")


def test_every_command_named_in_a_document_exists() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z][\w-]*):", makefile, re.M))
    named = {name for p in tracked() if p.suffix == ".md" for name in re.findall(r"(?:`|^)make ([a-z][\w-]*)", p.read_text(encoding="utf-8"), re.M)}
    assert named - targets == set()


def test_every_file_linked_in_a_document_exists() -> None:
    missing = []
    for page in (p for p in tracked() if p.suffix == ".md"):
        for target in re.findall(r"\]\((?!https?:|#|mailto:)([^)#\s]+)", page.read_text(encoding="utf-8")):
            if not (page.parent / target).exists():
                missing.append(f"{page.relative_to(ROOT)}: {target}")
    assert missing == []


@pytest.mark.parametrize("text", ["var/models/a.tar.gz", "nlu/__pycache__/text.pyc", "conversations.sqlite3", "node_modules/x.js", ".env"])
def test_a_generated_file_is_recognised(text: str) -> None:
    assert GENERATED.search(text)


def test_no_generated_file_is_in_git() -> None:
    names = [p.relative_to(ROOT).as_posix() for p in tracked()]
    assert [name for name in names if GENERATED.search(name)] == []


def test_no_file_knows_this_machine_or_a_package_registry() -> None:
    found = []
    for path in tracked():
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except UnicodeDecodeError:
            continue  # a picture
        found += [f"{path.relative_to(ROOT)}:{number}: {line[:100]}" for number, line in enumerate(lines, 1) if MACHINE.search(line)]
    assert found == []
