"""Whole bookings from the files beside this one: the trained model, the real actions and the clinic's real records, at a fixed time.

A case: `now` (the clinic's clock), optional `mail: true` and `steps`. A step: `user` and any of `says`, `never`, `buttons` (titles offered),
`open` (whether the form waits for more), `bookings` (confirmed appointments of this conversation). Between two messages something
may happen: `later` (hours pass), `taken` (somebody else books the time that was chosen), `diary` or `records`: down or up,
`elsewhere` (the next messages come from another conversation).
"""

import datetime as dt
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import yaml

from actions import booking_form, dialogue, records
from actions.booking import read_state

pytestmark = pytest.mark.model
HERE = Path(__file__).parent
GLUED = re.compile(r"[a-z)][.!?;,][A-Z“]|\{\w+\}")
LONDON = ZoneInfo("Europe/London")


def cases() -> list[Any]:
    found = []
    for path in sorted(HERE.glob("*.yml")):
        for case in yaml.safe_load(path.read_text(encoding="utf-8")):
            found.append(pytest.param(case, id=f"{path.stem}: {case['test_case']}"))
    return found


class World:
    """The clock and the parts that may fail."""

    def __init__(self, now: dt.datetime, monkeypatch: pytest.MonkeyPatch):
        self.now = now
        self.diary_down = self.records_down = False
        self.free_slots = records.free_slots
        monkeypatch.setattr(booking_form, "now", lambda: self.now)
        monkeypatch.setattr(dialogue, "now", lambda: self.now)
        monkeypatch.setattr(records, "_now", lambda: self.now.astimezone(dt.timezone.utc))
        monkeypatch.setattr(records, "free_slots", self._free_slots)
        run = records._run

        async def reach(call: Any) -> Any:
            if self.records_down:
                raise records.RecordsUnavailable("for the test")
            return await run(call)

        monkeypatch.setattr(records, "_run", reach)

    async def _free_slots(self, wishes: Any, now: dt.datetime) -> records.FreeSlots:
        slots = await self.free_slots(wishes, now)
        if not self.diary_down:
            return slots
        return records.FreeSlots([records.Slot.from_json({**s.to_json(), "certain": False}) for s in slots], "caldav", True)


@pytest.fixture
def emptied() -> Iterator[None]:
    """No appointment is left over from another dialogue."""
    yield
    from clinic import ready

    ready.prepare()
    from clinic import models

    models.Slot.objects.update(state="released", hold_until=None)


async def _state(talk: Any) -> dict[str, Any]:
    tracker = await talk.agent.tracker_store.retrieve(talk.sender)
    return read_state(tracker.get_slot("booking")) or {}


async def _is_open(talk: Any) -> bool:
    tracker = await talk.agent.tracker_store.retrieve(talk.sender)
    return tracker.active_loop_name == "booking_form"


async def _happens(step: dict[str, Any], world: World, talk: Any) -> None:
    if step.get("later"):
        world.now += dt.timedelta(hours=step["later"])
        await talk.wait(step["later"] / 24)
    world.diary_down = step.get("diary", "down" if world.diary_down else "up") == "down"
    world.records_down = step.get("records", "down" if world.records_down else "up") == "down"
    if step.get("taken"):
        state = await _state(talk)
        for slot in [state["slot"]] if state["slot"] else state["shown"][: step["taken"]]:
            made = await records.book("web:somebody else", records.Slot.from_json(slot), {"name": "Else"}, None, f"{talk.sender}{slot['start']}")
            assert isinstance(made, records.SlotTaken | records.Booking)


@pytest.mark.parametrize("case", cases())
async def test_booking_dialogue(case: dict[str, Any], talk: Any, emptied: None, monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(dt.datetime.fromisoformat(case["now"]).replace(tzinfo=LONDON), monkeypatch)
    monkeypatch.setattr("clinic.links.mail_is_set_up", lambda: bool(case.get("mail")))
    reference = ""
    for step in case["steps"]:
        if step.get("elsewhere"):
            talk = type(talk)(talk.agent)
        await _happens(step, world, talk)
        replies = await talk.say(step["user"].replace("REFERENCE", reference))
        said = "\n".join(r["text"] for r in replies if r.get("text"))
        where = f"after {step['user']!r} the assistant said:\n{said}"
        assert said, where
        assert not GLUED.search(said), f"two sentences run together {where}"
        if "reference is" in said:
            reference = said.split("reference is ")[1][:9]
        for text in step.get("says", []):
            assert text.lower() in said.lower(), f"{text!r} is missing {where}"
        for text in step.get("never", []):
            assert text.lower() not in said.lower(), where
        titles = [b["title"] for r in replies for b in r.get("buttons") or []]
        assert set(step.get("buttons", [])) <= set(titles), f"buttons {titles} {where}"
        if "open" in step:
            assert await _is_open(talk) == step["open"], where
        if "bookings" in step:
            found = await records.find_bookings(talk.sender)
            assert len([b for b in found if b.status == "confirmed"]) == step["bookings"], where
        if step.get("calendar"):
            files = [r["custom"] for r in replies if (r.get("custom") or {}).get("type") == "calendar"]
            assert files and "BEGIN:VEVENT" in files[0]["ics"], where
