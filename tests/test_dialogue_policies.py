"""`rasa test core` on tests/test_stories.yml: every prediction of the policies must be right."""

import subprocess
import sys
from pathlib import Path

import pytest

from nlu.train import ROOT, current_model
from runtime.settings import prepare_environment

pytestmark = pytest.mark.model


def test_stories_are_predicted(tmp_path: Path) -> None:
    prepare_environment()
    model = current_model()
    assert model is not None
    command = [sys.executable, "-m", "rasa", "test", "core", "--model", str(model), "--stories", "tests/test_stories.yml", "--out", str(tmp_path)]
    done = subprocess.run([*command, "--fail-on-prediction-errors", "--no-plot"], cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
