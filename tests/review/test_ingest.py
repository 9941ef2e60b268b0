"""Events become conversations, once each, whatever is cut off, replaced or repeated; what says who somebody is does not arrive."""

import sqlite3
import time
from collections.abc import Callable
from typing import Any

import pytest

from bench.conversations import START, Events, action, many, slot, turn, user
from bench.conversations import bot as says
from clinic.review.source import Source, SourceAway, settled

pytestmark = pytest.mark.usefixtures("sqlite_records", "clinic_file")
Ingest = Callable[[], int]
ALARM = {"level": "emergency", "fired": [{"level": "emergency", "part": "signs", "why": "throat", "text_span": "throat"}]}


def talks() -> list[Any]:
    from clinic.review.models import Talk

    return list(Talk.objects.order_by("pk"))


def texts() -> list[str]:
    from clinic.review.models import Message

    return list(Message.objects.order_by("event").values_list("text", flat=True))


def test_a_conversation_is_split_by_session_and_counted(bot: Events, ingest: Ingest) -> None:
    bot.add(
        "web:a",
        [*START, *turn("does it hurt", "ask_pain", "A little."), *turn("the thing", "nlu_fallback", "Pardon?", confidence=0.2, by="action_clarify")],
        1_700_000_000,
    )
    bot.add("web:a", [*START, *turn("my throat is tight", "report_emergency", "Call 999.", safety=ALARM)], 1_700_100_000)
    assert ingest() == 3 + 4 + 4 + 3 + 4
    first, second = talks()
    assert (first.turns, first.fallbacks, first.lowest, first.alarm, first.outcome) == (2, 1, 0.2, 0, "unclear")
    assert (second.turns, second.alarm, second.channel, second.lead) == (1, 4, "website", "my throat is tight")
    assert first.conversation == second.conversation and first.conversation.sealed_id == "web:a"
    message = first.messages.get(intent="ask_pain")
    assert message.detail["actions"] == [["action_answer", "ClinicRules", 1.0]] and message.detail["ranking"][0] == ["ask_pain", 0.93]
    assert second.messages.get(alarm=4).detail["safety"][0]["why"] == "throat"


def test_nothing_is_taken_twice_and_a_session_goes_on_over_batches(bot: Events) -> None:
    from clinic.review.ingest import Reader

    bot.add("web:a", [*START, *turn("does it hurt", "ask_pain", "A little.")])
    while Reader().step(2):  # a process that dies after every second event
        pass
    bot.add("web:a", turn("and the price", "ask_price", "£190."))
    assert Reader().step() == 4 and Reader().step() == 0
    (talk,) = talks()
    assert talk.turns == 2 and texts() == ["does it hurt", "A little.", "and the price", "£190."]


def test_what_is_new_is_to_be_read_again(bot: Events, ingest: Ingest) -> None:
    from django.utils import timezone

    from clinic.review.models import Talk

    bot.add("web:a", [*START, *turn("does it hurt", "ask_pain", "A little.")])
    ingest()
    Talk.objects.update(reviewed_at=timezone.now())
    bot.add("web:a", turn("really?", "ask_more", "Yes."))
    ingest()
    assert talks()[0].reviewed_at is None


def test_another_database_begins_anew_and_the_old_stays(bot: Events, ingest: Ingest) -> None:
    bot.add("web:a", [*START, *turn("does it hurt", "ask_pain", "A little.")], 1_700_000_000)
    ingest()
    with bot.connection:
        bot.connection.execute("DELETE FROM events")
        bot.connection.execute("DELETE FROM sqlite_sequence")
    bot.add("web:b", [*START, *turn("price", "ask_price", "£190.")], 1_700_500_000)
    assert ingest() == 7 and ingest() == 0
    assert [t.generation for t in talks()] == [1, 2]


def test_erased_events_do_not_make_it_begin_again(bot: Events, ingest: Ingest) -> None:
    bot.add("web:a", [*START, *turn("does it hurt", "ask_pain", "A little.")])
    ingest()
    with bot.connection:
        bot.connection.execute("DELETE FROM events")
    assert ingest() == 0
    bot.add("web:b", turn("price", "ask_price", "£190."))
    assert ingest() == 4 and len(talks()) == 2 and talks()[1].generation == 1


def test_a_young_gap_is_waited_for() -> None:
    now = time.time()
    rows = [(1, "", "", now), (2, "", "", now), (4, "", "", now), (5, "", "", now)]
    assert len(settled(rows, 0, now)) == 2
    assert len(settled(rows, 0, now + 10)) == 4


def test_rubbish_in_the_table_stops_nothing(bot: Events, ingest: Ingest) -> None:
    bot.add(
        "web:a",
        [
            *START,
            {"event": "user", "text": None, "parse_data": None},
            {"event": "slot", "name": "booking", "value": 7},
            {"event": "bot", "text": 5, "data": None},
        ],
    )
    with bot.connection:
        bot.connection.execute("INSERT INTO events (sender_id, type_name, timestamp, data) VALUES ('web:a', 'user', NULL, 'no json')")
        bot.connection.execute("INSERT INTO events (sender_id, type_name, timestamp, data) VALUES ('web:a', 'bot', 0, '[]')")
    bot.add("web:a", turn("does it hurt", "ask_pain", "A little."))
    ingest()
    assert "does it hurt" in texts()


def test_a_missing_or_unreadable_database_is_waited_for(bot: Events, ingest: Ingest, tmp_path: Any) -> None:
    assert ingest() == 0
    assert Source(str(tmp_path / "nothing.sqlite3")).after(0, 10) == []
    (tmp_path / "broken.sqlite3").write_bytes(b"SQLite format 3\0" + b"x" * 100)
    with pytest.raises((SourceAway, sqlite3.DatabaseError)):
        Source(str(tmp_path / "broken.sqlite3")).after(0, 10)


def test_a_name_that_becomes_known_is_masked_in_what_came_before(bot: Events, ingest: Ingest) -> None:
    bot.add("web:a", [*START, *turn("quibble here, does it hurt", "ask_pain", "A little.")])
    ingest()
    assert "quibble" in texts()[0]
    person = {"name": "Quibble Nightshade", "phone": "07400 123456", "email": "q@mail.example"}
    told = [
        user("quibble nightshade", "inform", 0.9, "website"),
        slot("booking", {"task": "book", "asked": "phone", "person": person}),
        action("validate_booking_form"),
    ]
    bot.add("web:a", [*told, bot_says("Thank you, Quibble. Which number?")])
    ingest()
    everything = " ".join(texts()) + talks()[0].lead + str([m.detail for t in talks() for m in t.messages.all()])
    assert "uibble" not in everything and "ightshade" not in everything
    assert talks()[0].step == "book: phone"


def bot_says(text: str) -> dict[str, Any]:
    return says(text)


def test_staff_are_told_apart_from_the_assistant(bot: Events, ingest: Ingest) -> None:
    bot.add("web:a", [*START, *turn("help", "request_human", "Somebody will come."), bot_says("x")])
    bot.add("web:a", [{**bot_says("Hello, Kerstin speaking"), "metadata": {"staff": "Anna", "key": "k"}}])
    ingest()
    from clinic.review.models import Message

    staff = Message.objects.get(who="staff")
    assert staff.detail["by"] == "Anna" and "Kerstin" not in staff.text


@pytest.mark.usefixtures("any_records")
def test_search_finds_words_phrases_and_beginnings(bot: Events, ingest: Ingest, monkeypatch: pytest.MonkeyPatch) -> None:
    from clinic.review import search

    bot.rows(many(60, seed=3))
    bot.add("web:x", [*START, *turn("is the zebrastreifen itchy tonight", "ask_side_effects", "It can be.")])
    ingest()
    (talk,) = search.talks("zebrastreifen")
    assert search.talks("zebra") == [talk] and search.talks('"itchy tonight"') == [talk] and search.talks("tonight zebra") == [talk]
    assert search.talks('"tonight itchy"') == [] and search.talks("zebra hurt") == []
    for hostile in ('"', "*", "AND", "a OR b", "NEAR(a b)", "text:zebra", "'; DROP TABLE review_talk; --", "(((", "&|!", "\\", "%_", "^", "a:b:*", "-"):
        assert isinstance(search.talks(hostile), list)
    assert len(search.talks("hurt")) > 5
    # wherever the newest end, the same are found
    before = search.talks("hurt")
    for window in (1, 30, 10_000):
        monkeypatch.setattr(search, "WINDOW", window)
        assert search.talks("hurt") == before and search.talks("zebrastreifen") == [talk]
        monkeypatch.setattr(search, "NEWEST", 3)
        assert search.talks("hurt") == before[: len(search.talks("hurt"))] and 0 < len(search.talks("hurt")) <= 3
        monkeypatch.setattr(search, "NEWEST", 3000)


def test_new_messages_are_there_within_two_seconds(bot: Events, ingest: Ingest) -> None:
    import threading

    from django.db import connections

    from clinic import worker
    from clinic.review.ingest import Reading

    stopped = threading.Event()

    def work() -> None:
        try:
            worker.run(Reading(), stopped)
        finally:
            connections.close_all()

    thread = threading.Thread(target=work)
    thread.start()
    try:
        time.sleep(0.2)
        bot.add("web:a", [*START, *turn("does it hurt", "ask_pain", "A little.")])
        started = time.monotonic()
        while not texts() and time.monotonic() - started < 5:
            time.sleep(0.02)
        assert time.monotonic() - started < 2
    finally:
        stopped.set()
        thread.join()
