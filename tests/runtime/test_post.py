"""The post room on SQLite and PostgreSQL, without Rasa, a channel or a model."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from runtime import post
from runtime.database import make_engine, metadata


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.slow)])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    where = str(tmp_path / "post.sqlite3") if request.param == "sqlite" else request.getfixturevalue("database")
    made = make_engine(where)
    metadata.create_all(made)
    yield made
    made.dispose()


def arrival(event: str, conversation: str = "sms:+1", place: int = 0, heard: float = 100.0) -> post.Arrival:
    return post.Arrival(event, conversation, place, heard, f'{{"text": "{event}"}}')


def test_an_event_is_stored_once_and_read_in_the_platforms_order(engine: Any) -> None:
    with engine.begin() as c:
        assert post.receive(c, [arrival("c", place=3), arrival("a", place=1), arrival("a", place=1), arrival("x", "sms:+2")], 100.0) == ["sms:+1", "sms:+2"]
        assert post.receive(c, [arrival("c", place=3)], 101.0) == []
    with engine.begin() as c:
        first = post.next_arrival(c, "sms:+1")
        assert first.content == '{"text": "a"}'
        again = post.postpone(c, first, 150.0)
        assert again.id == first.id and again.due == 150.0 and again.tries == 1
        second = post.finish(c, first, [post.Letter("k1", "one"), post.Letter("k1", "one"), post.Letter("k2", "two")], {"greeted": 5.0}, 102.0)
        assert second.content == '{"text": "c"}' and post.person(c, "sms:+1")["greeted"] == 5.0
        assert post.finish(c, second, [], {}, 103.0) is None
        assert [row.content for row in c.execute(post.sa.select(post.arrived.c.content).where(post.arrived.c.conversation == "sms:+1"))] == [None, None]
        assert post.due(c, ["sms"], 200.0) == (["sms:+2"], ["sms:+1"]) and post.due(c, ["whatsapp"], 200.0) == ([], [])


def test_a_flood_is_cut(engine: Any) -> None:
    with engine.begin() as c:
        post.receive(c, [arrival(str(n)) for n in range(post.MOST_WAITING + 20)], 100.0)
        assert c.execute(post.sa.select(post.sa.func.count()).select_from(post.arrived)).scalar() == post.MOST_WAITING


def test_letters_keep_their_order_whatever_happens(engine: Any) -> None:
    with engine.begin() as c:
        post.receive(c, [arrival("a")], 100.0)
        post.post(c, "sms:+1", [post.Letter(f"k{n}", str(n)) for n in range(4)], 100.0)
        first = post.next_letter(c, "sms:+1")
        post.later(c, first, 130.0, "500")
        assert post.due(c, ["sms"], 120.0)[1] == [] and post.next_letter(c, "sms:+1").tries == 1
        post.sent(c, first, "SM1")
        post.held(c, post.next_letter(c, "sms:+1"), 131.0)
        post.failed(c, post.next_letter(c, "sms:+1"), "x" * 100)
        assert post.next_letter(c, "sms:+1").content == "3"
        assert [state for state, _ in post.progress(c, ["k0", "k1", "k2", "k3"])] == ["sent", "held", "failed", "waiting"]
        post.receive(c, [arrival("b", heard=200.0)], 200.0)  # they write: what was held goes first
        assert post.next_letter(c, "sms:+1").content == "1" and post.person(c, "sms:+1")["heard"] == 200.0
        post.receive(c, [arrival("c", heard=50.0)], 201.0)
        assert post.person(c, "sms:+1")["heard"] == 200.0
        assert post.undelivered(c, "whatsapp:", "SM1", "30003") == 0 and post.undelivered(c, "sms:", "SM1", "30003") == 1
        assert post.undelivered(c, "sms:", "SM1", "30003") == 0
        failures = post.unreported(c)
        assert [row.key for row in failures] == ["k0", "k2"]
        post.reported(c, [row.id for row in failures])
        assert post.unreported(c) == []
        assert post.drop(c, "sms:+1", "blocked") == 2 and post.next_letter(c, "sms:+1") is None


def test_one_owner_at_a_time(engine: Any) -> None:
    now = 1000.0
    with engine.begin() as c:
        assert post.claim(c, "in:sms:+1", "a", now) and post.claim(c, "in:sms:+1", "a", now + 1)
        assert not post.claim(c, "in:sms:+1", "b", now + 2) and post.claim(c, "out:sms:+1", "b", now + 2)
        post.renew(c, "a", now + 5)
        assert not post.claim(c, "in:sms:+1", "b", now + post.LEASE + 4)
        assert post.claim(c, "in:sms:+1", "b", now + post.LEASE + 6)  # a was killed
        assert post.claim(c, "in:sms:+1", "c", now - 86400)  # a clock that was a day ahead claims nothing
        post.release(c, "c", "in:sms:+1")
        assert post.claim(c, "in:sms:+1", "d", now)


def test_many_claim_at_once_and_one_gets_it(engine: Any) -> None:
    for number in range(10):
        got: list[str] = []
        start = threading.Barrier(4)

        def claim(owner: str, number: int = number, start: threading.Barrier = start, got: list[str] = got) -> None:
            start.wait()
            with engine.begin() as c:
                if post.claim(c, f"in:sms:+{number}", owner, time.time()):
                    got.append(owner)

        threads = [threading.Thread(target=claim, args=(f"owner {n}",)) for n in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(got) == 1


def test_erased_and_purged(engine: Any) -> None:
    with engine.begin() as c:
        post.receive(c, [arrival("a"), arrival("b", "sms:+2")], 100.0)
        for name in ("sms:+1", "sms:+2"):
            post.post(c, name, [post.Letter(name, "words")], 100.0)
        post.claim(c, "in:sms:+1", "a", 100.0)
        post.erase(c, "sms:+1")
        for table in (post.arrived, post.outgoing, post.people, post.leases):
            assert not any("sms:+1" in str(row) for row in c.execute(post.sa.select(table)))
        assert post.receive(c, [arrival("a")], 101.0) == []  # a repetition of what was erased brings nothing back
        c.execute(post.people.update().values(stopped="asked"))
        post.finish(c, post.next_arrival(c, "sms:+2"), [], {}, 102.0)
        post.sent(c, post.next_letter(c, "sms:+2"), None)
        post.purge(c, older_than=10_000.0, now=100.0 + post.KEEP_EVENTS + post.KEEP_SENT)
        assert c.execute(post.sa.select(post.arrived)).all() == [] and c.execute(post.sa.select(post.outgoing)).all() == []
        assert post.person(c, "sms:+2")["stopped"] == "asked"  # a promise outlives the conversation


@pytest.mark.parametrize("parts", [("a", "b"), ("ab", ""), ("a\0b",), ("\ud800", "x")])
def test_digests_tell_ids_apart(parts: tuple[str, ...]) -> None:
    assert len(post.digest(*parts)) == 40 and post.digest("a", "b") != post.digest("ab")


def test_a_report_with_our_mark_ends_the_doubt_and_lets_on_what_waits_behind(engine: Any) -> None:
    with engine.begin() as c:
        post.receive(c, [arrival("a")], 100.0)
        post.post(c, "sms:+1", [post.Letter("k0", "0"), post.Letter("k1", "1")], 100.0)
        post.trying(c, post.next_letter(c, "sms:+1"))
        letter = post.next_letter(c, "sms:+1")
        assert letter.error == post.TRYING and letter.state == "waiting"
        post.later(c, letter, 105.0, "in doubt", counted=False)
        assert post.taken(c, "whatsapp:", "k0", "SM1", 102.0) is None and post.taken(c, "sms:", "k9", "SM1", 102.0) is None
        assert post.taken(c, "sms:", "k0", "SM1", 102.0) == "sms:+1" and post.taken(c, "sms:", "k0", "SM1", 102.0) is None
        waiting = post.next_letter(c, "sms:+1")
        assert (waiting.content, waiting.due) == ("1", 102.0) and post.undelivered(c, "sms:", "SM1", "30003") == 1


def test_a_file_is_lent_for_its_time_and_nobody_forgets_a_stop(engine: Any) -> None:
    with engine.begin() as c:
        post.receive(c, [arrival("a"), arrival("b", "sms:+2")], 100.0)
        for conversation in ("sms:+1", "sms:+2"):
            file = post.File(f"f{conversation[-1]}", "BEGIN", 200.0)
            for _ in range(2):  # a turn that is run again lends nothing twice
                post.finish(c, post.next_arrival(c, conversation) or letterless(conversation), [], {}, 101.0, [file])
        assert post.lent(c, "f1", 199.0) == "BEGIN" and post.lent(c, "f1", 200.0) is None and post.lent(c, "f9", 1.0) is None
        post.erase(c, "sms:+1")
        assert post.lent(c, "f1", 150.0) is None and post.lent(c, "f2", 150.0) == "BEGIN"
        post.purge(c, 0.0, 201.0)
        assert post.lent(c, "f2", 150.0) is None
        c.execute(post.people.update().values(stopped="asked"))
        post.post(c, "sms:+2", [post.Letter("k", "x")], 202.0)
        post.stop(c, "sms:+2", "blocked")
        assert post.person(c, "sms:+2")["stopped"] == "asked" and post.next_letter(c, "sms:+2") is None


def letterless(conversation: str) -> Any:
    """An arrival that is worked off already."""
    return SimpleNamespace(id=-1, conversation=conversation)
