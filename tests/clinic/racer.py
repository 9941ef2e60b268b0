"""Several people of one process who want the same time: `racer.py PEOPLE NAME`. A line of JSON in is a round, a line out who got it.

A round is {"start_at": seconds, "slot": …, "round": n, "how": "book" or "claim"}: through the records, or at the calendar server alone.
What comes out is one of: won, offered (so many others), requested (the diary was down, staff confirm), down (no answer from the calendar), error.
"""

import datetime as dt
import json
import sys
import threading
import time
from pathlib import Path
from typing import Any

from clinic import ready

ready.prepare()

from clinic.booking.caldav import CalDav, forget_troubles  # noqa: E402
from clinic.booking.diaries import DiaryDown, TimeTaken  # noqa: E402
from clinic.booking.slots import Slot  # noqa: E402
from clinic.calendars import for_diary, uid  # noqa: E402
from clinic.references import new_reference  # noqa: E402
from clinic.services import bookings  # noqa: E402
from clinic.services.results import Booking, Requested, SlotTaken  # noqa: E402
from knowledge.practice import PRACTICE  # noqa: E402


class Person(threading.Thread):
    """One who waits for the starting shot, tries once, and keeps their connection for the next round."""

    def __init__(self, name: str):
        super().__init__(daemon=True)
        self.called = name
        self.ready, self.go, self.done = threading.Event(), threading.Event(), threading.Event()
        self.round: dict[str, Any] = {}
        self.result: dict[str, Any] = {}

    def run(self) -> None:
        while True:
            self.go.wait()
            self.go.clear()
            time.sleep(max(0.0, self.round["start_at"] - time.time()))
            try:
                self.result = self.try_once()
            except Exception as error:
                self.result = {"who": self.called, "error": f"{type(error).__name__}: {error}"}
            self.done.set()

    def try_once(self) -> dict[str, Any]:
        slot, now = Slot.from_json(self.round["slot"]), dt.datetime.fromisoformat(self.round["now"])
        if self.round["how"] == "claim":
            reference = new_reference()
            try:
                CalDav(PRACTICE.get()).claim(slot, uid(reference), for_diary(reference, slot, 0, "", now))
            except TimeTaken:
                return {"who": self.called, "offered": -1}
            except DiaryDown as error:
                return {"who": self.called, "down": reference, "why": str(error)}
            return {"who": self.called, "won": reference}
        result = bookings.book(f"web:{self.called}", slot, {"name": self.called}, None, f"round {self.round['round']}", now)
        if isinstance(result, Booking):
            return {"who": self.called, "won": result.reference}
        if isinstance(result, Requested):
            assert result.why == "diary_down"
            return {"who": self.called, "requested": result.reference}
        assert isinstance(result, SlotTaken), result
        assert slot not in result.alternatives
        return {"who": self.called, "offered": len(result.alternatives)}


def main() -> None:
    people = [Person(f"{sys.argv[2]}-{n}") for n in range(int(sys.argv[1]))]
    PRACTICE.path = Path(sys.argv[3])
    for person in people:
        person.start()
    print("ready", flush=True)
    for line in sys.stdin:
        forget_troubles()  # what a busy server refused in one round says nothing about the next
        for person in people:
            person.round = json.loads(line)
            person.done.clear()
            person.go.set()
        for person in people:
            person.done.wait()
        print(json.dumps([person.result for person in people]), flush=True)


if __name__ == "__main__":
    main()
