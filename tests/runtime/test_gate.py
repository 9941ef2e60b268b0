"""What may enter and what is said to what may not."""

import json
import logging
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from knowledge.library import ROOT
from runtime import framing, gate, notices
from runtime.logs import SafeFormatter

BUTTON = gate.Offer("/ask_price", "What it costs", latest=True)
OLD = gate.Offer("/ask_pain", "Does it hurt?", latest=False)


@pytest.mark.parametrize("value", ["", " ", "\ud800", "\x00", "a b", "a" * 129, "x" * 10_000, None, True, [], {"a": 1}, "ä", "a\n", "../x", "a/b"])
def test_hostile_ids_are_refused_without_being_quoted(value: object) -> None:
    with pytest.raises(gate.BadIdentity) as refused:
        gate.identity(value, prefix="rest:")
    assert not (isinstance(value, str) and len(value) > 3 and value in str(refused.value))


@pytest.mark.parametrize("value", ["7", 7, "+447400123456", "whatsapp:+447400123456", "a-b_c.d", "x" * 100])
def test_ids_of_platforms_pass(value: object) -> None:
    assert gate.identity(value, prefix="tg:") == f"tg:{value}"


def test_the_prefix_counts_towards_the_length() -> None:
    with pytest.raises(gate.BadIdentity):
        gate.identity("x" * 128, prefix="rest:")


@pytest.mark.parametrize(
    "text, notice",
    [(None, "not_text"), (7, "not_text"), (["hi"], "not_text"), ("", "empty"), (" \n\t", "empty"), ("\x00\x01", "empty"), ("\ud800", "empty"),
     ("a" * 1001, "too_long"), ("a" * 60_000, "too_long"), ("/restart", "command"), (' /book{"name":"x"}', "command"), ("／restart", "command"),
     ("\x00/restart", "command"), ("/", "command")],
)  # fmt: skip
def test_what_is_not_understood_gets_a_sentence(text: object, notice: str) -> None:
    verdict = gate.admit(text, [BUTTON, OLD])
    assert verdict.notice == notice
    assert len(notices.notice(notice)) > 20


def test_a_button_on_offer_is_obeyed_and_an_older_one_counts_as_its_words() -> None:
    assert gate.admit("/ask_price", [BUTTON, OLD]).text == "/ask_price"
    assert gate.admit("/ask_pain", [BUTTON, OLD]).text == "Does it hurt?"
    assert gate.admit('/ask_price{"a":"b"}', [BUTTON, OLD]).notice == "command"


@pytest.mark.parametrize(
    "fields, good",
    [(b"", True), (b"Content-Length: 12", True), (b"content-length:0", True), (b"Transfer-Encoding: chunked", True), (b"Content-Length: -5", False),
     (b"Content-Length: +5", False), (b"Content-Length: ", False), (b"Content-Length: 1_0", False), (b"Content-Length: " + b"9" * 5000, False),
     (b"Content-Length: 5\r\nContent-Length: 5", False), (b"Content-Length: 5\r\nTransfer-Encoding: chunked", False), (b"Transfer-Encoding: gzip", False),
     (b"Content-Length : -5", False), (b"X: Content-Length: -5", True)],
)  # fmt: skip
def test_a_request_tells_its_length_once_and_in_digits(fields: bytes, good: bool) -> None:
    assert framing.framed(b"POST / HTTP/1.1\r\nHost: a\r\n" + fields) is good


@given(st.text(alphabet=st.characters(), max_size=1200))
def test_whatever_is_admitted_can_be_stored(text: str) -> None:
    admitted = gate.admit(text).text
    assert "\x00" not in admitted
    assert admitted.encode("utf-8").decode("utf-8") == admitted
    assert not admitted.startswith("/")


def test_offers_come_newest_first_and_only_the_last_answer_is_latest() -> None:
    bot = lambda payload: {"event": "bot", "data": {"buttons": [{"payload": payload, "title": payload}]}}  # noqa: E731
    found = gate.offers([bot("/a"), {"event": "user"}, bot("/b"), {"event": "bot", "data": {"buttons": None}}])
    assert [(o.payload, o.latest) for o in found] == [("/b", True), ("/a", False)]


def test_the_rate_limit_refills_and_forgets() -> None:
    now = [0.0]
    limit = gate.RateLimit(per_minute=60, burst=3, keys=2, clock=lambda: now[0])
    assert [limit.allow("a") for _ in range(4)] == [True, True, True, False]
    assert limit.allow("b")
    now[0] = 1.0
    assert limit.allow("a") and not limit.allow("a")
    limit.allow("c"), limit.allow("d")
    assert len(limit._buckets) == 2


def test_notices_name_the_phone_and_survive_a_broken_clinic_file(tmp_path) -> None:  # type: ignore[no-untyped-def]
    assert "020 7946 0123" in notices.notice("failed") and "999" in notices.notice("failed")
    broken = tmp_path / "clinic.yml"
    broken.write_text(": [")
    assert "emergency" in notices.notice("failed", broken)


def record(name: str, message: str, *arguments: object, error: bool = False) -> logging.LogRecord:
    information = None
    if error:
        try:
            raise ValueError("Anna Lee, 07400 123456")
        except ValueError:
            information = sys.exc_info()
    return logging.LogRecord(name, logging.ERROR, "rasa/core/processor.py", 1000, message, arguments, information, func="run")


def test_a_log_line_holds_no_word_of_a_person() -> None:
    """Whatever other packages put into a line stays out; of an error only its type and place are kept."""
    for line in (
        record("rasa.core.processor", "text=my name is %s", "Anna Lee"),
        record("rasa.core.channels.rest", "handling 'Anna Lee 07400 123456'", error=True),
        record("runtime.turns", "turn failed: %s", "ValueError", error=True),
    ):
        text = SafeFormatter().format(line)
        assert "Anna" not in text and "07400" not in text
        assert json.loads(text)["level"] == "ERROR"
    assert json.loads(SafeFormatter().format(record("runtime.turns", "turn failed: %s", "ValueError", error=True)))["error"] == "ValueError"


@pytest.mark.parametrize("text", ["word " * 900, "One sentence here. " * 200, "x" * 5000, "line\n" * 800, ("a" * 1200 + ". ") * 3])
def test_an_over_long_message_is_searched_whole_in_parts(text: str) -> None:
    found = gate.parts(text)
    assert all(0 < len(part) <= gate.LONGEST_TEXT for part in found)
    assert "".join("".join(found).split()) == "".join(text.split())


def test_of_a_giant_message_beginning_and_end_are_kept() -> None:
    verdict = gate.admit("begin " + "x " * 30_000 + " my throat is closing")
    assert verdict.notice == "too_long"
    assert verdict.text.startswith("begin") and verdict.text.endswith("my throat is closing")
    assert len(verdict.text) <= gate.LONGEST_SCAN + 1


TALKATIVE = """
import logging
own = logging.getLogger("chatty.part")
own.setLevel(logging.INFO)
own.addHandler(logging.StreamHandler())
from runtime import logs
logs.configure("WARNING")
own.info("Zebedee, whom nobody should hear of")
own.warning("Zebedee, 07400 987654")
raise {error}("Zebedee, 07400 987654")
"""


@pytest.mark.parametrize("error, told", [("ValueError", False), ("logs.metrics.Refused", True)])
def test_a_process_that_ends_does_not_quote_what_ended_it(error: str, told: bool) -> None:
    """Only our own errors are sentences that nobody wrote but us."""
    code = TALKATIVE.format(error=error)
    if told:
        code = code.replace("raise ", "logs.metrics.Refused = type('Refused', (Exception,), {'__module__': 'runtime.metrics'})\nraise ")
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60)
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert done.returncode == 1
    assert [line["level"] for line in lines] == ["WARNING", "CRITICAL"]
    assert "Zebedee" not in json.dumps(lines[0]) and ("Zebedee" in json.dumps(lines[1])) is told
    assert lines[1]["error"] == error.rpartition(".")[2]
