"""Every attack that docs/widget.md lists has the test that it names."""

import re

from runtime.settings import ROOT

ROWS = re.findall(r"^\| .+ \| .+ \| `(test_\w+)` \|$", (ROOT / "docs" / "widget.md").read_text(encoding="utf-8"), re.M)


def test_every_attack_has_its_test() -> None:
    written = "".join(
        file.read_text(encoding="utf-8") for room in ("channels", "clinic", "widget") for file in sorted((ROOT / "tests" / room).glob("test_*.py"))
    )
    assert len(ROWS) >= 15
    assert [name for name in ROWS if not re.search(rf"^(?:async )?def {name}\(", written, re.M)] == []
