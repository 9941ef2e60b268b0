"""`actions.records`: what the dialogue calls. It never blocks the loop and says plainly when the database is away."""

import asyncio
import contextlib
import datetime as dt
import os
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from actions import records
from clinic.references import SIGNS, new_reference, read_reference, shown
from tests.clinic.conftest import PERSON
from tests.databases import point_at
from tests.servers import Postgres


def now() -> dt.datetime:
    return dt.datetime.now(tz=dt.timezone.utc)


@pytest.mark.usefixtures("any_records", "clinic_file")
class TestRecords:
    async def test_from_consent_to_cancellation(self) -> None:
        await records.save_consent("web:1", "health", "v1", "m1:consent")
        assert await records.has_consent("web:1", "health")
        screening = await records.save_screening("web:1", {"outcome": "consultation"}, "v1", "m2:screening")
        slots = await records.free_slots({"limit": 3}, now())
        assert isinstance(await records.hold("web:1", slots[0], "m3:hold"), records.Hold)
        booking = await records.book("web:1", slots[0], PERSON, screening, "m4:book")
        assert isinstance(booking, records.Booking)
        assert await records.find_bookings("web:1") == [booking]
        moved = await records.reschedule("web:1", booking.reference, slots[2], "m5:move")
        assert isinstance(moved, records.Booking) and moved.slot == slots[2]
        assert not (await records.stop_reminders("web:1", booking.reference)).reminders
        assert (await records.cancel("web:1", booking.reference, "m6:cancel")).status == "cancelled"
        with pytest.raises(records.NotChangeable):
            await records.reschedule("web:1", booking.reference, slots[0], "m7:move")
        with pytest.raises(records.NoSuchBooking):
            await records.cancel("web:2", booking.reference, "m8:cancel")
        reference, due = await records.open_request("web:1", "callback", {"contact": PERSON}, "m9:request")
        assert read_reference(reference) and due >= now().date()
        assert await records.raise_handoff("web:1", "asked", "normal", "summary", None, "m10:handoff")
        assert await records.handoff_state("web:1") == "open"
        await records.withdraw_consent("web:1", "health", "m11:withdraw")
        assert not await records.has_consent("web:1", "health")
        assert await records.booking_mode() == "local" and not await records.mail_is_set_up()

    async def test_the_loop_is_free_while_the_database_works(self) -> None:
        ticks = 0

        async def tick() -> None:
            nonlocal ticks
            while True:
                await asyncio.sleep(0.001)
                ticks += 1

        ticking = asyncio.ensure_future(tick())
        await asyncio.gather(*(records.save_screening(f"web:{n}", {}, "v1", "k") for n in range(30)))
        ticking.cancel()
        assert ticks > 10

    async def test_many_at_once(self) -> None:
        slots = await records.free_slots({"limit": 20}, now())
        results = await asyncio.gather(*(records.book(f"web:{n}", slots[n % 20], PERSON, None, "k") for n in range(60)))
        assert sum(isinstance(r, records.Booking) for r in results) == 20
        assert sum(isinstance(r, records.SlotTaken) for r in results) == 40


class TestUnavailable:
    @pytest.fixture(autouse=True)
    def _after(self, sqlite_records: str) -> Iterator[None]:
        yield
        point_at(sqlite_records)

    @pytest.mark.parametrize("address", ["/nowhere/at/all/clinic.sqlite3", "postgresql://nobody@127.0.0.1:1/none"])
    async def test_no_database(self, address: str, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> None:
        await asyncio.to_thread(point_at, address)
        with pytest.raises(records.RecordsUnavailable):
            await records.save_consent("whatsapp:+447400123456", "health", "v1", "k")
        assert "7400123456" not in caplog.text + "".join(capfd.readouterr())

    async def test_a_file_that_is_no_database(self, tmp_path: Path) -> None:
        file = tmp_path / "broken.sqlite3"
        file.write_text("not a database" * 200)
        await asyncio.to_thread(point_at, str(file))
        with pytest.raises(records.RecordsUnavailable):
            await records.has_consent("web:1", "health")


async def test_postgres_goes_and_comes_back(postgres: Postgres, postgres_records: str, clinic_file: object) -> None:
    await records.save_consent("web:1", "health", "v1", "k1")
    postgres.kill()
    began = time.monotonic()
    with pytest.raises(records.RecordsUnavailable):
        await records.has_consent("web:1", "health")
    assert time.monotonic() - began < 6
    postgres.start()
    assert await records.has_consent("web:1", "health")


class TestReferences:
    def test_are_short_unlike_and_read_in_any_spelling(self) -> None:
        many = {new_reference() for _ in range(2000)}
        assert len(many) == 2000 and all(len(r) == 8 and set(r) <= set(SIGNS) and read_reference(shown(r).lower()) == r for r in many)
        one = "K7QX2MPA"
        assert shown(one) == "K7QX-2MPA"
        for text in (
            "K7QX-2MPA",
            "k7qx2mpa",
            "k7qx 2mpa",
            "my ref is K7QX-2MPA, thanks",
            "(K7QX–2MPA)",
            "move that K7QX 2MPA",
            "is that k7qx 2mpa ok",
            "next week k7qx-2mpa",
        ):
            assert read_reference(text) == one

    @pytest.mark.parametrize(
        "text", ["", "cancel it please", "K7QX", "K7QX-2MP", "O0IL-1111", "appointm", "12345678901", "next week", "NEXT WEEK", "same week then", "2345 6789"]
    )
    def test_what_is_none_is_none(self, text: str) -> None:
        assert read_reference(text) == ""


def test_the_tests_have_records_of_their_own() -> None:
    assert "stria-tests-" in os.environ["STRIA_CLINIC_DB"]


async def test_a_deleted_file_is_begun_anew_and_nothing_is_promised_into_the_old_one(sqlite_records: str) -> None:
    """Who had it open goes on in the file that is there: the actions, and the site's own question whether it is well."""
    from asgiref.sync import sync_to_async
    from django.test import Client

    file = Path(sqlite_records)
    health = sync_to_async(lambda: Client().get("/healthz").status_code)
    await records.raise_handoff("web:1", "callback", "normal", "s", None, "k1")
    assert await health() == 200
    for part in file.parent.glob(f"{file.name}*"):
        part.unlink()
    reference = await records.raise_handoff("web:2", "callback", "normal", "s", None, "k2")
    with contextlib.closing(sqlite3.connect(file)) as fresh:
        assert fresh.execute("SELECT reference FROM clinic_handoff").fetchall() == [(reference,)]
    assert {part.stat().st_mode & 0o077 for part in file.parent.glob(f"{file.name}*") if part.suffix != ".migrating"} == {0}
    assert await health() == 200
