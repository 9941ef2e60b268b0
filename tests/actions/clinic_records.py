"""A strict stand-in for the clinic's records: keeps their rules, and fails on any call or value they would not take."""

import datetime as dt
from collections.abc import Mapping
from typing import Any
from zoneinfo import ZoneInfo

from actions import booking, records
from actions.records import Booking, FreeSlots, Hold, NoSuchBooking, NotChangeable, RecordsUnavailable, Requested, Slot, SlotTaken, TooManyTries
from clinic.references import shown

OTHERS = ("add_to_request", "call_a_person", "erase_chat", "forget_person")
ZONE = "Europe/London"
PERSON = {"name", "phone", "email", "contact_by", "area"}
HOURS = {0: (9, 18), 1: (9, 18), 2: (9, 20), 3: (9, 20), 4: (9, 17), 5: (10, 15)}


class FakeRecords:
    """One clinic with one practitioner and half-hour times, in memory."""

    def __init__(self, now: dt.datetime, mode: str = "local"):
        self.now, self.mode = now, mode
        self.down: set[str] = set()  # names of calls for which the database is away
        self.diary_down = False
        self.mail = True
        self.taken: dict[dt.datetime, str] = {}  # start → who has it
        self.bookings: dict[str, dict[str, Any]] = {}
        self.effects: dict[str, Any] = {}
        self.consents: list[tuple[str, str]] = []
        self.requests: list[tuple[str, Mapping[str, Any]]] = []
        self.handoffs: list[str] = []
        self.erased: list[str] = []
        self.guesses = 0
        self.calls: list[str] = []

    def _called(self, name: str) -> None:
        self.calls.append(name)
        if name in self.down:
            raise RecordsUnavailable(name)

    def _slots(self, certain: bool = True) -> list[Slot]:
        zone, found = ZoneInfo(ZONE), []
        for ahead in range(1, 45):
            day = (self.now.astimezone(zone) + dt.timedelta(days=ahead)).date()
            opens, closes = HOURS.get(day.weekday(), (0, 0))
            for half in range((closes - opens) * 2):
                start = dt.datetime.combine(day, dt.time(opens + half // 2, 30 * (half % 2)), tzinfo=zone).astimezone(dt.timezone.utc)
                if start not in self.taken and opens + half // 2 != 13:
                    found.append(Slot(start, "Helen Brandt", start + dt.timedelta(minutes=30), ZONE, certain))
        return found

    async def free_slots(self, wishes: Any, now: dt.datetime) -> FreeSlots:
        self._called("free_slots")
        assert now.tzinfo is not None
        assert set(wishes) <= {"windows", "practitioner", "sex", "limit", "every_practitioner"}
        if self.mode == "link":
            return FreeSlots(mode="link")
        slots = [] if wishes.get("practitioner") not in ("", None, "Helen Brandt") else self._slots(not self.diary_down and self.mode != "request")
        return FreeSlots(slots, self.mode, self.diary_down)

    async def hold(self, conversation: str, slot: Slot, key: str) -> Any:
        self._called("hold")
        assert slot.certain and key
        if slot.start in self.taken and self.taken[slot.start] != conversation:
            return SlotTaken(tuple(self._slots()[:3]))
        return Hold(slot, self.now + dt.timedelta(minutes=10))

    async def save_consent(self, conversation: str, purpose: str, text_version: str, key: str) -> None:
        self._called("save_consent")
        assert purpose and text_version and key
        self.consents.append((conversation, purpose))

    async def book(self, conversation: str, slot: Slot, person: Mapping[str, Any], screening_reference: str | None, key: str) -> Any:
        self._called("book")
        assert set(person) <= PERSON and screening_reference != "" and key
        if self.mode == "link":
            return records.Elsewhere(f"https://book.example/?d={slot.local:%Y-%m-%d}")
        if key in self.effects:
            return self.effects[key]
        if self.mode == "request" or self.diary_down:
            result: Any = Requested("QRSTVWXY", "QRST-VWXY", dt.date(2026, 3, 30), "diary_down" if self.diary_down else "mode")
            self.requests.append(("booking", {"contact": person}))
        elif slot.start in self.taken:
            return SlotTaken(tuple(s for s in self._slots() if s.start > slot.start)[:3])
        else:
            reference = "K7QX2MP" + "ABCDEFGH"[len(self.bookings)]
            self.bookings[reference] = {
                "slot": slot,
                "person": dict(person),
                "conversation": conversation,
                "status": "confirmed",
                "sequence": 0,
                "screening": screening_reference,
            }
            self.taken[slot.start] = reference
            result = self._view(reference)
        self.effects[key] = result
        return result

    def _view(self, reference: str, changed: bool = True) -> Booking:
        row = self.bookings[reference]
        slot = row["slot"]
        late = slot.start - self.now < dt.timedelta(hours=48)
        mail = self.mail and bool(row["person"].get("email"))
        return Booking(reference, shown(reference), row["status"], slot.start, slot.end, ZONE, slot.practitioner, row["sequence"], slot.spoken,
                       "BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n", mail, True, late, changed)  # fmt: skip

    async def find_bookings(self, conversation: str, reference: str | None = None, proof: str | None = None) -> list[Booking]:
        self._called("find_bookings")
        if reference is None:
            assert proof is None
            return [self._view(r) for r, row in self.bookings.items() if row["conversation"] == conversation]
        row = self.bookings.get(reference)
        if row and row["conversation"] == conversation:
            return [self._view(reference)]
        if proof is None:
            return []
        if self.guesses >= 5:
            raise TooManyTries(self.now + dt.timedelta(hours=1))
        given = "".join(c for c in proof if c.isdigit())[-9:]
        if row and (proof == row["person"].get("email") or given == "".join(c for c in row["person"].get("phone", "") if c.isdigit())[-9:]):
            row["conversation"] = conversation
            return [self._view(reference)]
        self.guesses += 1
        return []

    def _mine(self, conversation: str, reference: str) -> dict[str, Any]:
        row = self.bookings.get(reference)
        if row is None or row["conversation"] != conversation:
            raise NoSuchBooking
        return row

    async def reschedule(self, conversation: str, reference: str, slot: Slot, key: str) -> Any:
        self._called("reschedule")
        row = self._mine(conversation, reference)
        if row["status"] != "confirmed":
            raise NotChangeable(row["status"])
        if slot.start in self.taken:
            return SlotTaken(tuple(self._slots()[:3]))
        del self.taken[row["slot"].start]
        row.update(slot=slot, sequence=row["sequence"] + 1)
        self.taken[slot.start] = reference
        return self._view(reference)

    async def cancel(self, conversation: str, reference: str, key: str) -> Booking:
        self._called("cancel")
        row = self._mine(conversation, reference)
        changed = row["status"] == "confirmed"
        row["status"] = "cancelled"
        return self._view(reference, changed)

    async def open_request(self, conversation: str, kind: str, details: Mapping[str, Any], key: str) -> tuple[str, dt.date]:
        self._called("open_request")
        assert kind in ("callback", "complaint", "erasure") and set(details.get("contact") or {}) <= PERSON
        self.requests.append((kind, details))
        return "QRSTVWXY", dt.date(2026, 3, 27)

    async def add_to_request(self, conversation: str, reference: str, details: Mapping[str, Any], key: str) -> None:
        self._called("add_to_request")
        assert reference == "QRSTVWXY" and set(details) <= {"words", "contact"} and key
        self.requests.append(("added", details))

    async def call_a_person(self, conversation: str, reason: str, summary: str, contact: Any, key: str) -> tuple[str, bool]:
        self._called("call_a_person")
        assert reason in ("request_human", "not_understood") and summary and key
        self.handoffs.append(summary)
        return "H2345678", len(self.handoffs) > 1

    async def erase_chat(self, conversation: str, key: str) -> Any:
        self._called("erase_chat")
        self.erased.append(conversation)
        left = any(b["conversation"] == conversation and b["status"] == "confirmed" for b in self.bookings.values())
        return records.Erased("ERAS2345", dt.date(2026, 4, 24), left)

    async def forget_person(self, conversation: str) -> None:
        self._called("forget_person")
        self.erased.append(conversation)

    def install(self, monkeypatch: Any) -> None:
        """Stand in for `actions.records`, and stop the clock."""
        for name in ("free_slots", "hold", "save_consent", "book", "find_bookings", "reschedule", "cancel", "open_request", *OTHERS):
            monkeypatch.setattr(records, name, getattr(self, name))
        from actions import booking_form

        monkeypatch.setattr(booking_form, "now", lambda: self.now)


def json_safe(state: booking.State) -> booking.State:
    """As Rasa keeps it: through JSON and back."""
    import json

    read = booking.read_state(json.loads(json.dumps(state)))
    assert read is not None
    return read
