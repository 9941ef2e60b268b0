"""When something was: what people write, and the span of days it means. Told on Sunday 22 November 2026."""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actions.ago import number, read_ago

TODAY = dt.date(2026, 11, 22)

SAID = [
    ("last november", "2025-11-01", "2025-11-30"),
    ("since last october", "2026-10-01", "2026-10-31"),
    ("stopped roaccutane in march", "2026-03-01", "2026-03-31"),
    ("since last march", "2026-03-01", "2026-03-31"),
    ("in december", "2025-12-01", "2025-12-31"),
    ("it was in november", "2026-11-01", "2026-11-22"),
    ("in febuary", "2026-02-01", "2026-02-28"),
    ("feb 2024", "2024-02-01", "2024-02-29"),
    ("end of september", "2026-09-20", "2026-09-30"),
    ("early may", "2026-05-01", "2026-05-10"),
    ("mid-august", "2026-08-10", "2026-08-20"),
    ("march last year", "2025-03-01", "2025-03-31"),
    ("on the 3rd of may", "2026-05-03", "2026-05-03"),
    ("may 3rd 2025", "2025-05-03", "2025-05-03"),
    ("3 december", "2025-12-03", "2025-12-03"),
    ("2026-03-31", "2026-03-31", "2026-03-31"),
    ("31/12/2025", "2025-12-31", "2025-12-31"),
    ("3/4/26", "2026-04-03", "2026-04-03"),
    ("04/2026", "2026-04-01", "2026-04-30"),
    ("6 weeks ago", "2026-10-11", "2026-10-11"),
    ("six months ago", "2026-05-22", "2026-05-22"),
    ("twenty one days ago", "2026-11-01", "2026-11-01"),
    ("a year and a half ago", "2025-05-22", "2025-05-22"),
    ("half a year ago", "2026-05-22", "2026-05-22"),
    ("2-3 months ago", "2026-09-22", "2026-09-22"),
    ("a few weeks ago", "2026-11-08", "2026-11-08"),
    ("couple of months back", "2026-09-22", "2026-09-22"),
    ("nearly 6 months ago", "2026-05-22", "2026-06-22"),
    ("it's been 8 weeks", "2026-09-27", "2026-09-27"),
    ("4 months off accutane", "2026-07-22", "2026-07-22"),
    ("months ago", "2026-01-22", "2026-09-22"),
    ("years ago", "2016-11-22", "2024-11-22"),
    ("yesterday", "2026-11-21", "2026-11-21"),
    ("this morning", "2026-11-22", "2026-11-22"),
    ("last week", "2026-11-09", "2026-11-15"),
    ("the week before last", "2026-11-02", "2026-11-08"),
    ("last month", "2026-10-01", "2026-10-31"),
    ("last year", "2025-01-01", "2025-12-31"),
    ("end of last year", "2025-10-01", "2025-12-31"),
    ("since last summer", "2026-06-01", "2026-08-31"),
    ("over the winter", "2025-12-01", "2026-02-28"),
    ("last autumn", "2026-09-01", "2026-11-22"),
    ("at christmas", "2025-12-20", "2025-12-31"),
    ("last tuesday", "2026-11-17", "2026-11-17"),
    ("on sunday", "2026-11-15", "2026-11-15"),
    ("on wensday", "2026-11-18", "2026-11-18"),
    ("in 2019", "2019-01-01", "2019-12-31"),
    ("this year, 2026", "2026-01-01", "2026-11-22"),
    ("just finished it", "2026-11-08", "2026-11-22"),
    ("recently", "2026-11-08", "2026-11-22"),
]


@pytest.mark.parametrize(("text", "earliest", "latest"), SAID)
def test_what_people_write(text: str, earliest: str, latest: str) -> None:
    found = read_ago(text, TODAY)
    assert found is not None
    assert (found.earliest.isoformat(), found.latest.isoformat()) == (earliest, latest)


@pytest.mark.parametrize(
    "text",
    ["", "no", "i may have it", "in 2 weeks", "next tuesday", "im 20 weeks pregnant", "my son is 6 months old", "a 5 month course", "every monday", "at 3"],
)
def test_what_is_no_time_in_the_past(text: str) -> None:
    assert read_ago(text, TODAY) is None


@pytest.mark.parametrize(
    ("text", "day"),
    [("6 weeks", "2026-10-11"), ("about two months", "2026-09-22"), ("a year", "2025-11-22"), ("18 months", "2025-05-22"), ("a fortnight", "2026-11-08")],
)
def test_as_an_answer_to_when_a_length_of_time_is_enough(text: str, day: str) -> None:
    assert read_ago(text, TODAY) is None
    found = read_ago(text, TODAY, bare=True)
    assert found is not None and found.latest.isoformat() == day


def test_summer_and_dates_are_where_the_clinic_is() -> None:
    sydney = read_ago("last summer", TODAY, southern=True)
    assert sydney is not None and (sydney.earliest, sydney.latest) == (dt.date(2025, 12, 1), dt.date(2026, 2, 28))
    boston = read_ago("3/4/2026", TODAY, month_first=True)
    assert boston is not None and boston.latest == dt.date(2026, 3, 4)


@given(st.text(max_size=80), st.dates(dt.date(2000, 1, 1), dt.date(2099, 12, 31)), st.booleans())
def test_any_text_gives_a_past_span_or_nothing(text: str, today: dt.date, bare: bool) -> None:
    found = read_ago(text, today, bare)
    assert found is None or found.earliest <= found.latest <= today


@given(st.integers(0, 10**7), st.sampled_from(["days", "weeks", "months", "years", "hours"]), st.dates(dt.date(2000, 1, 1), dt.date(2099, 12, 31)))
def test_any_number_of_units_ago(amount: int, unit: str, today: dt.date) -> None:
    found = read_ago(f"{amount} {unit} ago", today)
    assert found is not None and found.earliest <= found.latest <= today


@pytest.mark.parametrize(("text", "value"), [("six", 6), ("twenty one", 21), ("a couple of", 2), ("2-3", 2), ("half a", 0.5), ("1,5", 1.5), ("purple", None)])
def test_numbers(text: str, value: float | None) -> None:
    assert number(text) == value
