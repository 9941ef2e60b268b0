"""The trained model, loaded once for all measurements of this room."""

import pytest

from nlu.__main__ import Parser
from nlu.train import current_model


@pytest.fixture(scope="session")
def parser() -> Parser:
    model = current_model()
    assert model is not None, "Run `make train` first."
    return Parser(model)
