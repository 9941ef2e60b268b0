"""The review desk's side of a conversation, in a process of its own as the clinic's site is: obeys lines of JSON, each a call of clinic.services.handoffs.

`{"do": "look"}` only tells how things are; `take`, `write` (with `text` and `key`), `give_back` act on the hand-off of
`conversation` as Anna Lee. The answer is one line: `{"state": …}`, with `refused`, the name of the exception, when a call was.
"""

import json
import os
import subprocess
import sys
from typing import Any, Dict

from knowledge.library import ROOT


class Deskside:
    """Starts the process; `environment`: of the house."""

    def __init__(self, environment: Dict[str, str]):
        command = [sys.executable, "-m", "tests.channels.deskside"]
        self.process = subprocess.Popen(command, cwd=ROOT, env={**os.environ, **environment}, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __call__(self, do: str, conversation: str, **more: str) -> Dict[str, Any]:
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write(json.dumps({"do": do, "conversation": conversation, **more}) + "\n")
        self.process.stdin.flush()
        return dict(json.loads(self.process.stdout.readline()))

    def close(self) -> None:
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.close()
        self.process.wait(20)
        self.process.stdout.close()


def obey(line: Dict[str, str], anna: Any) -> Dict[str, Any]:
    from clinic.models import Conversation, Handoff
    from clinic.services import handoffs

    known = Conversation.known(line["conversation"])
    waiting = Handoff.objects.filter(conversation=known).order_by("-created") if known else Handoff.objects.none()
    handoff = waiting.filter(status="taken").first() or waiting.first()
    answer: Dict[str, Any] = {}
    try:
        if line["do"] == "take":
            handoffs.take(handoff, anna)
        elif line["do"] == "write":
            handoffs.write(handoff, anna, line["text"], line["key"])
        elif line["do"] == "give_back":
            handoffs.give_back(handoff, anna)
    except (handoffs.NotReached, handoffs.NotYours, handoffs.AlreadyTaken) as error:
        answer["refused"] = f"{type(error).__name__} {error}"
    return {**answer, "state": handoffs.state(line["conversation"])}


def main() -> None:
    from clinic import ready

    ready.prepare()
    from django.contrib.auth.models import User

    anna = User.objects.create_user("al7", first_name="Anna", last_name="Lee", is_staff=True)
    for line in sys.stdin:
        print(json.dumps(obey(json.loads(line), anna)), flush=True)


if __name__ == "__main__":
    main()
