"""Silences what other people's packages print at import, without hiding what ours has to say."""

import logging
import warnings


def quieten() -> None:
    """Call before Rasa is imported. Sanic re-enables deprecation warnings when it is imported, hence the order."""
    warnings.simplefilter("ignore")
    import sanic.app  # noqa: F401

    warnings.simplefilter("ignore")
    for name in ("matplotlib", "tensorflow", "absl", "tf2onnx", "transformers", "root", "apscheduler", "sanic.root"):
        logging.getLogger(name).setLevel(logging.ERROR)


def log_warnings_only(level: str = "WARNING") -> None:
    """Rasa's structured log prints message texts at DEBUG, its own default outside its command line: set a level that cannot."""
    from rasa.utils.log_utils import configure_structlog

    configure_structlog(getattr(logging, level, logging.WARNING))
    logging.getLogger("rasa").setLevel(level)
