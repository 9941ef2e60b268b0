"""The learnt weights of the guard and of the questions belong to the model that the present data make."""

from pathlib import Path

import pytest
import yaml

from nlu import alarm, segmentation
from nlu.train import content_hash


@pytest.mark.parametrize(("path", "command"), [(alarm.WEIGHTS, "python -m bench.alarm"), (segmentation.WEIGHTS, "python -m bench.questions")])
def test_weights_were_learnt_with_the_present_data(path: Path, command: str) -> None:
    learnt_with = yaml.safe_load(path.read_text(encoding="utf-8"))["model"]
    assert learnt_with == f"stria-{content_hash()}", f"The data have changed since: train, then run `{command}`."
