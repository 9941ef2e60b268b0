"""kill -9 at every step of the turn that books, through the real server: the message sent again gets the answer, and there is one booking."""

import sqlite3
from pathlib import Path
from typing import Any, Dict, List

import aiohttp
import pytest

from tests.databases import sqlite_template  # noqa: F401
from tests.runtime.site import Parent, Site

pytestmark = [pytest.mark.model, pytest.mark.long]
TALK = ["book me in please, my name is Ada, 07400 123456, ada@example.com", "any day", "the first one", "the first one", "the first one", "yes", "call", "hips"]
YES = "yes, book it"


def said(replies: List[Dict[str, Any]]) -> str:
    return "\n".join(str(r.get("text")) for r in replies)


async def test_a_booking_turn_survives_kill_9_at_every_step(parent: Parent, tmp_path: Path, sqlite_template: Path) -> None:  # noqa: F811
    site = Site(parent, tmp_path)
    clinic = tmp_path / "clinic.sqlite3"
    clinic.write_bytes(sqlite_template.read_bytes())
    site.environment["STRIA_CLINIC_DB"] = str(clinic)
    killed, step = True, 0
    try:
        good = await site.start()
        while killed:
            step += 1
            sender = f"person{step}"
            for number, text in enumerate(TALK):
                last = said(await site.say(good, sender, text, f"{sender}:{number}"))
            assert "Shall I book it" in last, last
            port = await site.start(die=[step, YES])
            try:
                await site.say(port, sender, YES, f"{sender}:yes")
            except aiohttp.ClientError:
                assert await site.gone(port)
            killed = not site.alive(port)
            answer = said(await site.say(good, sender, YES, f"{sender}:yes"))
            assert "Booked" in answer and "reference is" in answer, (step, answer)
            assert site.stored(sender).count(f"{sender}:yes") == 1, step
    finally:
        site.end()
    assert step > 15, "so few steps cannot be a whole booking"
    with sqlite3.connect(clinic) as database:
        bookings = database.execute("SELECT conversation_id, status, count(*) FROM clinic_booking WHERE status != 'lost' GROUP BY 1, 2").fetchall()
        live = database.execute("SELECT count(*), count(DISTINCT starts || practitioner) FROM clinic_slot WHERE state = 'confirmed'").fetchone()
        mails = database.execute("SELECT recipient, count(*) FROM clinic_message WHERE about = 'booked' GROUP BY 1 ORDER BY 1").fetchall()
    assert [row[1:] for row in bookings] == [("confirmed", 1)] * step
    assert live == (step, step) and mails == [("clinic", step), ("person", step)]
