"""Starts everything that one machine runs, as `make run` does: `python -m runtime.launcher --model FILE [--rest]`."""

import argparse
import importlib.util
import os
import secrets
import sys
from pathlib import Path
from typing import Dict, List, Optional
from urllib.parse import urlsplit

from runtime import supervisor
from runtime.settings import ROOT, actions_port, actions_secret, actions_url, clinic_port, cores, prepare_environment, private_host, rasa_port, rasa_processes
from runtime.supervisor import Process

LOOPBACK = ("127.0.0.1", "localhost", "::1")
# Libraries that each start a thread a core; several processes on the same cores would trip over each other.
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")


def has_records() -> bool:
    """Whether the clinic's records and its web site are part of this installation."""
    return importlib.util.find_spec("clinic") is not None and importlib.util.find_spec("clinic.asgi") is not None


def threads(available: int, processes: int) -> Dict[str, str]:
    """The number of threads a process may use, as the libraries want to be told."""
    return dict.fromkeys(_THREADS, str(max(1, available // processes)))


def serves_actions_here() -> bool:
    """Whether the separate action server, if there is one, is on this machine and thus ours to start."""
    return urlsplit(actions_url()).hostname in LOOPBACK


def table(model: Path, rest: bool = False, records: Optional[bool] = None) -> List[Process]:
    """All processes of this machine, each after those it needs. `rest`: also open the plain rest channel. Raises ValueError for settings that cannot work."""
    python, count, host = sys.executable, rasa_processes(), private_host()
    if count > 1 and not os.environ.get("STRIA_REDIS_URL"):
        raise ValueError("STRIA_RASA_PROCESSES above 1 needs STRIA_REDIS_URL: without shared locks two processes would answer one person at the same time.")
    processes, needed_by_rasa = [], []
    if has_records() if records is None else records:
        processes += [
            Process("records", (python, "-m", "clinic", "migrate", "--no-input", "--verbosity", "0"), once=True),
            Process("login", (python, "-m", "clinic.first_login"), after=("records",), once=True),
            Process("web", (python, "-m", "clinic.server"), after=("records",), ready=f"http://127.0.0.1:{clinic_port()}/staff/"),
            Process("outbox", (python, "-m", "clinic.outbox"), after=("records",)),
            Process("review", (python, "-m", "clinic.review.ingest"), after=("records",)),
        ]
    if serves_actions_here():
        given = {"STRIA_ACTIONS_PORT": str(urlsplit(actions_url()).port or actions_port())}
        health = f"http://127.0.0.1:{given['STRIA_ACTIONS_PORT']}/health"
        processes.append(Process("actions", (python, "-m", "runtime.action_server"), given, ready=health, stop_within=25))
        needed_by_rasa.append("actions")
    serve = (python, "-m", "runtime.server", "--model", str(model), *(["--rest"] if rest else []))
    for number in range(count):
        place = rasa_port() + number
        processes.append(
            Process(
                "rasa" if count == 1 else f"rasa-{number + 1}",
                serve,
                {"STRIA_RASA_PORT": str(place), **threads(cores(), count)},
                after=tuple(needed_by_rasa),
                ready=f"http://{host}:{place}/healthz",
            )
        )
    return processes


def announcement(processes: List[Process], rest: bool) -> str:
    """What is printed when everything is ready."""
    lines = ["", "Stria is ready."]
    if any(process.name == "web" for process in processes):
        lines.append(f"  The clinic's page with the chat:  http://127.0.0.1:{clinic_port()}/")
        lines.append(f"  The staff site:                   http://127.0.0.1:{clinic_port()}/staff/")
    if rest:
        lines.append(f"  Rasa's rest channel, loopback:    http://127.0.0.1:{rasa_port()}/webhooks/rest/webhook")
    return "\n".join([*lines, "  Ctrl-C stops everything.", ""])


def main(arguments: List[str]) -> int:
    """Run until stopped. Exits with a sentence when a setting cannot work or the model is missing."""
    options = argparse.ArgumentParser(prog="python -m runtime.launcher", description=__doc__)
    options.add_argument("--model", type=Path, required=True, help="the trained model's file")
    options.add_argument("--rest", action="store_true", help="also open the plain rest channel on loopback, without any check of identity, for load tests")
    chosen = options.parse_args(arguments)
    prepare_environment()
    if not chosen.model.is_file():
        sys.exit(f"There is no model at {chosen.model}: run `make train` first.")
    if serves_actions_here() and not os.environ.get("STRIA_ACTIONS_SECRET"):
        os.environ["STRIA_ACTIONS_SECRET"] = secrets.token_urlsafe(32)  # both ends are ours: nobody need choose one
    try:
        actions_secret()
        processes = table(chosen.model, chosen.rest)
    except ValueError as error:
        sys.exit(str(error))
    print("Starting " + ", ".join(process.name for process in processes) + " …", flush=True)
    return supervisor.run(processes, str(ROOT), announcement(processes, chosen.rest))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
