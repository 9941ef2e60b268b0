"""The engine over the contraindication table: what must hold for any facts, any day, any table row."""

import datetime as dt
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actions import suitability
from actions.ago import Ago, add_months
from actions.suitability import CAN_COME, CLINICIAN_FIRST, NOT_TREATED, OUTCOMES, WAIT, Fact, assess
from knowledge.contraindications import read_table

TABLE = read_table()
PAIRS = sorted(TABLE.owners)
TODAY = dt.date(2026, 11, 22)

days = st.dates(dt.date(2015, 1, 1), dt.date(2035, 12, 31))
details = st.dictionaries(
    st.sampled_from(["now", "here", "controlled", "own", "depth"]), st.sampled_from(["yes", "no", "unsure", "light", "medium", "deep"]), max_size=4
).map(lambda found: tuple(sorted(found.items())))


@st.composite
def facts(draw: Any) -> Fact:
    label, value = draw(
        st.sampled_from([*PAIRS, ("answer", "unlisted"), ("answer", "unsure"), ("answer", "skipped"), ("condition", "asthma"), ("mood", "sunny")])
    )
    start = draw(st.none() | days)
    since = None if start is None else Ago(start, start + dt.timedelta(days=draw(st.integers(0, 90))))
    return Fact(label, value, draw(st.sampled_from(["", "said so"])), draw(details), since)


def fact(label: str, value: str, since: dt.date | None = None, **told: str) -> Fact:
    return Fact(label, value, value, tuple(sorted(told.items())), Ago(since, since) if since else None)


def rank(outcome: str) -> int:
    return OUTCOMES.index(outcome)


class TestWhateverIsTold:
    @given(st.lists(facts(), max_size=6), facts(), days)
    def test_one_thing_more_is_never_milder(self, known: list[Fact], more: Fact, on: dt.date) -> None:
        before, after = assess(known, TABLE, on), assess([*known, more], TABLE, on)
        assert rank(after.outcome) >= rank(before.outcome)
        assert set(before.reasons) <= set(after.reasons)
        assert before.earliest is None or (after.earliest is not None and after.earliest >= before.earliest)
        assert set(before.bring) <= set(after.bring) and set(before.until) <= set(after.until)
        assert before.selling or not after.selling

    @given(st.lists(facts(), max_size=6), st.randoms(use_true_random=False), days)
    def test_the_order_and_saying_it_twice_do_not_matter(self, known: list[Fact], chance: Any, on: dt.date) -> None:
        shuffled = [*known, *known]
        chance.shuffle(shuffled)
        assert assess(shuffled, TABLE, on) == assess(known, TABLE, on)

    @given(st.lists(facts(), max_size=6), days)
    def test_a_result_names_its_reasons_its_table_and_only_days_to_come(self, known: list[Fact], on: dt.date) -> None:
        result = assess(known, TABLE, on)
        assert result.outcome in OUTCOMES and result.table_version == TABLE.version
        assert (result.outcome == CAN_COME) == (not result.reasons)
        assert result.earliest is None or result.earliest > on
        assert result.outcome != WAIT or result.earliest or result.until
        assert all(r.advice for r in result.reasons)

    @given(facts(), days, st.integers(0, 400))
    def test_the_later_it_was_the_longer_the_wait(self, told: Fact, on: dt.date, later: int) -> None:
        if told.since is None:
            return
        moved = Fact(told.label, told.value, told.said, told.details, Ago(told.since.earliest, told.since.latest + dt.timedelta(days=later)))
        before, after = assess([told], TABLE, on), assess([moved], TABLE, on)
        assert rank(after.outcome) >= rank(before.outcome)
        assert (after.earliest or dt.date.min) >= (before.earliest or dt.date.min)

    @given(facts())
    def test_a_fact_survives_json(self, told: Fact) -> None:
        assert Fact.from_json(told.to_json()) == told


@pytest.mark.parametrize(
    "damaged", [None, 3, "x", [], {}, {"label": "a"}, {"label": "a", "value": "b", "since": ["x", "y"]}, {"label": "a", "value": "b", "since": [1]}]
)
def test_what_is_no_fact_is_read_as_none(damaged: Any) -> None:
    assert Fact.from_json(damaged) is None


class TestEveryRow:
    @pytest.mark.parametrize("key", sorted(TABLE.rows))
    def test_alone_it_has_its_category_and_its_words(self, key: str) -> None:
        row = TABLE.rows[key]
        label, value = sorted(p for p in row.found_as if not any(p[1] in case.values for case in row.cases) or len(row.found_as) < 2)[0]
        result = assess([fact(label, value)], TABLE, TODAY)
        if row.rule.category == "do_not_treat":
            assert result.outcome == NOT_TREATED
        else:  # a wait whose beginning nobody knows: the clinician decides
            assert result.outcome in (CLINICIAN_FIRST, WAIT) and (result.outcome == CLINICIAN_FIRST or result.until)
        assert [r.row for r in result.reasons] == [key]

    @pytest.mark.parametrize("key", sorted(k for k, r in TABLE.rows.items() if r.rule.category == "wait" and r.rule.wait and not r.rule.wait.until))
    def test_a_wait_ends_on_its_day_and_not_before(self, key: str) -> None:
        row = TABLE.rows[key]
        label, value = sorted(p for p in row.found_as if not any(p[1] in c.values for c in row.cases))[0]
        assert row.rule.wait is not None
        last = dt.date(2026, 1, 31)
        end = suitability.ends(row.rule.wait, last)
        assert assess([fact(label, value, last)], TABLE, end - dt.timedelta(days=1)).earliest == end
        assert assess([fact(label, value, last)], TABLE, end).outcome == CAN_COME


CASES = [
    # told on 22 November 2026 → outcome, earliest date
    (fact("medicine", "isotretinoin", now="yes"), NOT_TREATED, None),
    (fact("medicine", "isotretinoin"), NOT_TREATED, None),
    (fact("medicine", "isotretinoin", dt.date(2026, 8, 31), now="no"), WAIT, dt.date(2027, 2, 28)),
    (fact("medicine", "isotretinoin", dt.date(2026, 3, 31), now="no"), CAN_COME, None),
    (fact("medicine", "isotretinoin", now="no"), CLINICIAN_FIRST, None),
    (fact("condition", "pregnancy"), NOT_TREATED, None),
    (fact("condition", "pregnancy", now="no"), CAN_COME, None),
    (fact("condition", "breastfeeding"), CLINICIAN_FIRST, None),
    (fact("condition", "eczema"), CLINICIAN_FIRST, None),
    (fact("condition", "eczema", here="yes"), NOT_TREATED, None),
    (fact("condition", "psoriasis", here="no"), CLINICIAN_FIRST, None),
    (fact("condition", "cold_sore", here="yes"), NOT_TREATED, None),
    (fact("condition", "diabetes", controlled="yes"), CLINICIAN_FIRST, None),
    (fact("condition", "diabetes", controlled="no"), NOT_TREATED, None),
    (fact("condition", "keloid"), NOT_TREATED, None),
    (fact("condition", "keloid", own="no"), CLINICIAN_FIRST, None),
    (fact("medicine", "warfarin"), CLINICIAN_FIRST, None),
    (fact("condition", "bleeding_disorder"), NOT_TREATED, None),
    (fact("medicine", "chemotherapy"), NOT_TREATED, None),
    (fact("medicine", "chemotherapy", dt.date(2026, 11, 1), now="no"), CLINICIAN_FIRST, dt.date(2026, 11, 29)),
    (fact("condition", "skin_cancer", here="yes"), NOT_TREATED, None),
    (fact("condition", "mole", here="no"), CAN_COME, None),
    (fact("treatment", "chemical_peel", dt.date(2026, 11, 15), depth="light"), WAIT, dt.date(2026, 11, 29)),
    (fact("treatment", "chemical_peel", dt.date(2026, 11, 15), depth="medium"), WAIT, dt.date(2026, 12, 15)),
    (fact("treatment", "chemical_peel", dt.date(2026, 11, 30), depth="deep"), WAIT, dt.date(2027, 2, 28)),
    (fact("treatment", "chemical_peel", dt.date(2026, 9, 1)), WAIT, dt.date(2026, 12, 1)),
    (fact("treatment", "co2_laser", dt.date(2026, 11, 1)), CLINICIAN_FIRST, dt.date(2027, 2, 1)),
    (fact("treatment", "waxing", dt.date(2026, 11, 20)), WAIT, dt.date(2026, 12, 4)),
    (fact("treatment", "filler", dt.date(2026, 8, 31)), WAIT, dt.date(2027, 2, 28)),
    (fact("treatment", "filler", dt.date(2026, 8, 31), here="no"), CAN_COME, None),
    (fact("condition", "c_section", dt.date(2026, 2, 28)), WAIT, dt.date(2027, 2, 28)),
    (fact("treatment", "tattoo", here="yes"), NOT_TREATED, None),
    (fact("condition", "sunburn", now="yes"), NOT_TREATED, dt.date(2026, 12, 6)),
    (fact("condition", "tan", dt.date(2026, 11, 20)), WAIT, dt.date(2026, 12, 4)),
    (fact("symptom", "fever"), WAIT, None),
    (fact("condition", "body_dysmorphia"), CLINICIAN_FIRST, None),
    (fact("condition", "under_18"), NOT_TREATED, None),
    (fact("condition", "asthma"), CLINICIAN_FIRST, None),
    (fact("condition", "menopause"), CAN_COME, None),
    (fact("body", "tall"), CAN_COME, None),
]  # fmt: skip


@pytest.mark.parametrize(("told", "outcome", "earliest"), CASES, ids=lambda v: f"{v.value} {dict(v.details)}" if isinstance(v, Fact) else None)
def test_what_the_register_says(told: Fact, outcome: str, earliest: dt.date | None) -> None:
    result = assess([told], TABLE, TODAY)
    assert (result.outcome, result.earliest) == (outcome, earliest)


def test_the_latest_day_counts_when_only_the_month_is_known() -> None:
    march = Fact("medicine", "isotretinoin", "roaccutane", (("now", "no"),), Ago(dt.date(2027, 8, 1), dt.date(2027, 8, 31)))
    assert assess([march], TABLE, dt.date(2027, 10, 1)).earliest == dt.date(2028, 2, 29)  # a leap year


def test_nobody_is_sold_to_whose_marks_rule_their_life() -> None:
    assert assess([fact("condition", "body_dysmorphia")], TABLE, TODAY).selling is False
    assert assess([fact("condition", "eczema")], TABLE, TODAY).selling is True


class TestDates:
    @given(days, st.integers(-60, 60))
    def test_months_keep_the_day_or_take_the_last(self, day: dt.date, months: int) -> None:
        moved = add_months(day, months)
        assert (moved.year * 12 + moved.month) - (day.year * 12 + day.month) == months
        assert moved.day == day.day or (moved + dt.timedelta(days=1)).day == 1

    @given(days, st.integers(0, 60))
    def test_more_months_are_never_earlier(self, day: dt.date, months: int) -> None:
        assert add_months(day, months + 1) > add_months(day, months)

    @pytest.mark.parametrize(
        ("start", "months", "end"),
        [
            ("2027-08-31", 6, "2028-02-29"),
            ("2026-08-31", 6, "2027-02-28"),
            ("2028-02-29", 12, "2029-02-28"),
            ("2026-12-31", 2, "2027-02-28"),
            ("2026-01-31", 1, "2026-02-28"),
            ("2026-07-15", 6, "2027-01-15"),
        ],
    )
    def test_month_ends_and_leap_years(self, start: str, months: int, end: str) -> None:
        assert add_months(dt.date.fromisoformat(start), months) == dt.date.fromisoformat(end)

    @pytest.mark.parametrize(
        ("zone", "utc", "day"),
        [
            ("Europe/London", "2026-03-31T23:30", "2026-04-01"),  # summer time has begun
            ("Europe/London", "2026-12-31T23:30", "2026-12-31"),
            ("Australia/Sydney", "2028-02-28T13:30", "2028-02-29"),
            ("America/Los_Angeles", "2028-03-01T07:30", "2028-02-29"),
            ("Pacific/Auckland", "2026-12-31T11:00", "2027-01-01"),
        ],
    )
    def test_today_is_the_clinics_day(self, zone: str, utc: str, day: str) -> None:
        moment = dt.datetime.fromisoformat(utc).replace(tzinfo=dt.timezone.utc)
        assert suitability.today({"clinic": {"time_zone": zone}}, moment) == dt.date.fromisoformat(day)
        assert suitability.today({"clinic": {"time_zone": zone}}, moment.astimezone(ZoneInfo("Asia/Tokyo"))) == dt.date.fromisoformat(day)
