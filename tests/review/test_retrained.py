"""From a reviewer's click to a model that understands: correction, patch, git, training."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.urls import reverse

from bench.conversations import START, Events, turn
from clinic.review.patches import held_out
from runtime.settings import ROOT

SAID = "is the shop up the stairs doing its usual"  # what people of this town say; without the correction it is taken for where the clinic is


@pytest.mark.slow
@pytest.mark.usefixtures("sqlite_records", "clinic_file")
def test_a_corrected_message_is_right_after_the_next_training(
    bot: Events, ingest: Callable[[], int], login: Callable[..., Any], settings: Any, tmp_path: Path
) -> None:
    from clinic.review.models import Message

    assert not held_out(SAID)
    settings.PATCHES = tmp_path / "patches"
    bot.add("web:a", [*START, *turn(f"im Kerstin, {SAID}", "ask_location", "12 Willow Road, London.", confidence=0.44)])
    ingest()
    client = login("reviewer")
    client.post(reverse("review:correct", args=[Message.objects.get(who="person").pk]), {"kind": "intent", "other": "ask_opening_hours"})
    client.post(reverse("review:write_patch"))
    (patch,) = settings.PATCHES.glob("*.patch")

    project = tmp_path / "project"
    for folder in ("data", "tests/nlu"):
        shutil.copytree(ROOT / folder, project / folder, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    shutil.copy(ROOT / "config.yml", project)
    me = ["-c", "user.name=t", "-c", "user.email=t@t.example"]
    for command in (["init", "-q"], ["add", "."], [*me, "commit", "-qm", "before"], ["apply", str(patch)]):
        subprocess.run(["git", *command], cwd=project, check=True)

    told = subprocess.run([sys.executable, "-m", "tests.review.trained", str(project)], cwd=ROOT, capture_output=True, text=True, check=False, timeout=400)
    assert told.returncode == 0, told.stderr[-3000:]
    assert "Of 1 corrected message 1 is understood now." in told.stdout, told.stdout
    assert "Test messages understood: 0.0 % before" in told.stdout
