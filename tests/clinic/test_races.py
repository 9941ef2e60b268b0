"""Fifty people want one time: five processes of ten threads each, twenty rounds, one winner in every round."""

import datetime as dt
import json
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import icalendar
import pytest

from clinic import models
from clinic.booking import caldav
from clinic.booking.slots import Slot, Wishes
from clinic.outbox import Worker
from clinic.services import bookings
from tests.clinic.conftest import NOW, Radicale, environment
from tests.databases import ClinicFile, point_at

pytestmark = pytest.mark.slow
PROCESSES, THREADS = 5, 10
# `make test-long` runs the twenty rounds.
by_rounds = pytest.mark.parametrize("rounds", [4, pytest.param(20, marks=pytest.mark.long)])


class Field:
    """The racers, each process with the records at one of `addresses`."""

    def __init__(self, addresses: list[str], clinic: Path):
        self.clinic = clinic
        script = str(Path(__file__).with_name("racer.py"))
        self.processes = [
            subprocess.Popen(
                [sys.executable, script, str(THREADS), f"p{number}", str(clinic)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                env=environment(addresses[number % len(addresses)]),
            )
            for number in range(PROCESSES)
        ]
        assert [p.stdout.readline().strip() for p in self.processes if p.stdout] == ["ready"] * PROCESSES

    def race(self, slot: Slot, number: int, how: str = "book") -> list[dict[str, Any]]:
        line = json.dumps({"start_at": time.time() + 0.05, "slot": slot.to_json(), "round": number, "how": how, "now": NOW.isoformat()})
        for process in self.processes:
            assert process.stdin is not None
            process.stdin.write(line + "\n")
            process.stdin.flush()
        return [result for p in self.processes if p.stdout for result in json.loads(p.stdout.readline())]

    def close(self) -> None:
        for process in self.processes:
            process.kill()
            process.communicate()


def slots(count: int) -> list[Slot]:
    return bookings.free_slots(Wishes(limit=count), NOW)


def judged(results: list[dict[str, Any]], diary: bool = False) -> str:
    """The winner's reference. Everybody has an answer, and exactly one has won.

    A `diary` that is swamped may refuse to answer: then whom it refused has a request, and where it refused somebody there may be no winner ("").
    """
    assert len({r["who"] for r in results}) == PROCESSES * THREADS
    assert [r for r in results if "error" in r] == []
    winners = [r["won"] for r in results if "won" in r]
    swamped = diary and any("requested" in r or "down" in r for r in results)
    assert len(winners) == 1 or (swamped and not winners), f"{len(winners)} won"
    return str(winners[0]) if winners else ""


@by_rounds
def test_one_of_fifty_gets_the_time_and_the_others_are_offered_the_next(any_records: str, clinic_file: ClinicFile, rounds: int) -> None:
    field = Field([any_records], clinic_file.path)
    try:
        for number, slot in enumerate(slots(rounds)):
            results = field.race(slot, number)
            winner = judged(results)
            assert all(r["offered"] == 3 for r in results if "won" not in r)
            assert models.Booking.objects.get(slot__starts=slot.start, slot__practitioner=slot.practitioner, status="confirmed").reference == winner
    finally:
        field.close()
    assert models.Booking.objects.count() == models.Slot.objects.filter(state="confirmed").count() == rounds
    assert models.Message.objects.filter(about="booked", recipient="clinic").count() == rounds
    assert models.Effect.objects.count() == rounds


def in_calendar(radicale: Radicale, clinic_file: ClinicFile) -> dict[str, str]:
    """Reference → time of every entry in any calendar."""
    texts = [text for person in clinic_file.content["practitioners"] for text in radicale.entries(person["calendar"]).values()]
    events = [event for text in texts for event in icalendar.Calendar.from_ical(text).walk("VEVENT")]
    found = {str(event["UID"]).split("@")[0].upper(): event.start.isoformat() for event in events}
    assert len(found) == len(texts)
    return found


@by_rounds
def test_the_calendar_server_lets_one_of_fifty_in(sqlite_records: str, radicale: Radicale, clinic_file: ClinicFile, rounds: int) -> None:
    chosen = slots(rounds)
    winners, silent = set(), set()
    field = Field([sqlite_records], clinic_file.path)
    try:
        for number, slot in enumerate(chosen):
            results = field.race(slot, number, "claim")
            winners.add(judged(results, diary=True))
            silent |= {r["down"] for r in results if "down" in r}
    finally:
        field.close()
    entries = in_calendar(radicale, clinic_file)
    assert len(set(entries.values())) == len(entries)
    # An entry that is nobody's was written for somebody who was never told: the outbox takes such away, which nobody has here.
    assert winners - {""} <= set(entries) and set(entries) <= winners | silent
    assert len(winners - {""}) >= rounds / 2, "the calendar server was too busy to show anything"


def test_five_installations_with_one_calendar_book_a_time_once(
    sqlite_records: str, sqlite_template: Path, radicale: Radicale, clinic_file: ClinicFile, tmp_path: Path
) -> None:
    addresses = [sqlite_records, *(str(shutil.copy(sqlite_template, tmp_path / f"other{n}.sqlite3")) for n in range(PROCESSES - 1))]
    chosen = slots(3)
    winners, requested = [], []
    field = Field(addresses, clinic_file.path)
    try:
        for number, slot in enumerate(chosen):
            results = field.race(slot, number)
            winners.append(judged(results, diary=True))
            requested += [r["requested"] for r in results if "requested" in r]
            assert all(r["offered"] == 3 for r in results if "offered" in r)
    finally:
        field.close()
    booked, noted = set(), set()
    for address in addresses:
        point_at(address)
        for _ in range(10):  # what an installation wrote without hearing of it, its outbox takes away
            caldav.forget_troubles()
            if Worker().round(dt.datetime.now(tz=dt.timezone.utc) + dt.timedelta(days=1)).later == 0:
                break
        booked |= set(models.Booking.objects.filter(status="confirmed").values_list("reference", flat=True))
        noted |= set(models.Request.objects.values_list("reference", flat=True))
    point_at(sqlite_records)
    assert noted == set(requested)
    assert booked == set(in_calendar(radicale, clinic_file)) == set(winners) - {""}
    assert booked, "the calendar server was too busy to show anything"


@pytest.mark.parametrize("what", ["the same key at once"])
def test_a_turn_that_rasa_repeats_while_the_first_still_runs(what: str, any_records: str, clinic_file: ClinicFile) -> None:
    from concurrent.futures import ThreadPoolExecutor

    from django.db import connections

    def book(_: int) -> Any:
        try:
            return bookings.book("web:1", slot, {"name": "Will"}, None, "m1:book", NOW)
        finally:
            connections["default"].close()

    slot = slots(1)[0]
    with ThreadPoolExecutor(12) as pool:
        results = list(pool.map(book, range(12)))
    assert {r.reference for r in results} == {models.Booking.objects.get().reference}
