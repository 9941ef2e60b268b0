"""Opening hours as real moments: the clocks change, zones differ, closed days and breaks are kept."""

import datetime as dt
from dataclasses import replace
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clinic.booking import slots, times
from clinic.booking.slots import Slot, Wishes, free, of_day
from knowledge.practice import PRACTICE, Practice, read_practice
from tests.clinic.conftest import NOW, UTC, at
from tests.databases import ClinicFile

ZONES = ["Europe/London", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "America/Sao_Paulo", "Africa/Lagos", "Pacific/Apia"]


@pytest.fixture
def practice(clinic_file: ClinicFile) -> Practice:
    return PRACTICE.get()


def night_clinic(practice: Practice, zone: str = "Europe/London") -> Practice:
    """Open from midnight to six, without breaks, an appointment an hour."""
    week = (((dt.time(0), dt.time(6)),),) * 7
    return replace(practice, hours=week, breaks=(), zone=zone, minutes=60, every_minutes=60)


class TestClockChanges:
    @pytest.mark.parametrize(
        ("day", "starts"),
        [
            ("2026-03-28", ["00:00", "01:00", "02:00", "03:00", "04:00", "05:00"]),
            ("2026-03-29", ["00:00", "02:00", "03:00", "04:00", "05:00"]),  # 01:00 does not exist
            ("2026-10-25", ["00:00", "01:00", "01:00", "02:00", "03:00", "04:00", "05:00"]),  # 01:00 comes twice
        ],
    )
    def test_a_night_has_an_hour_less_or_more(self, day: str, starts: list[str], practice: Practice) -> None:
        night = night_clinic(practice)
        found = of_day(night, night.practitioners[0], dt.date.fromisoformat(day))
        assert [f"{times.wall(start, night.zone):%H:%M}" for start, _ in found] == starts
        assert all(end - start == dt.timedelta(hours=1) for start, end in found)
        assert len({start for start, _ in found}) == len(found)

    def test_the_two_are_told_apart(self) -> None:
        texts = [times.spoken(times.moment(dt.date(2026, 10, 25), dt.time(1, 30), "Europe/London", second), "Europe/London") for second in (False, True)]
        assert texts == ["Sunday 25 October 2026 at 01:30 (BST), London time", "Sunday 25 October 2026 at 01:30 (GMT), London time"]

    def test_nine_is_nine_in_winter_and_summer(self, practice: Practice) -> None:
        person = practice.practitioners[0]
        assert of_day(practice, person, dt.date(2026, 3, 27))[0][0] == at("2026-03-27 09:00")
        assert of_day(practice, person, dt.date(2026, 3, 30))[0][0] == at("2026-03-30 08:00")

    @pytest.mark.parametrize(
        ("zone", "day", "time", "moment"),
        [
            ("Europe/London", "2026-03-29", "01:30", "2026-03-29 01:00"),
            ("America/New_York", "2026-03-08", "02:15", "2026-03-08 07:00"),
            ("Australia/Lord_Howe", "2026-10-04", "02:10", "2026-10-03 15:30"),  # a gap of half an hour
            ("Pacific/Apia", "2011-12-30", "12:00", "2011-12-30 10:00"),  # a day that was left out
        ],
    )
    def test_a_time_that_is_jumped_over_is_the_moment_of_the_jump(self, zone: str, day: str, time: str, moment: str) -> None:
        assert not times.exists(dt.date.fromisoformat(day), dt.time.fromisoformat(time), zone)
        assert times.moment(dt.date.fromisoformat(day), dt.time.fromisoformat(time), zone) == at(moment)

    @given(day=st.dates(dt.date(2024, 1, 1), dt.date(2030, 12, 31)), time=st.times(), zone=st.sampled_from(ZONES), second=st.booleans())
    def test_every_time_there_is_comes_back(self, day: dt.date, time: dt.time, zone: str, second: bool) -> None:
        moment = times.moment(day, time, zone, second)
        assert moment.tzinfo is UTC
        if times.exists(day, time, zone):
            assert times.wall(moment, zone).replace(tzinfo=None) == dt.datetime.combine(day, time)
        else:
            assert times.wall(moment, zone).replace(tzinfo=None) > dt.datetime.combine(day, time)

    @given(day=st.dates(dt.date(2024, 1, 1), dt.date(2030, 12, 31)), zone=st.sampled_from(ZONES))
    def test_slots_never_overlap_and_stay_inside_the_hours(self, day: dt.date, zone: str) -> None:
        night = night_clinic(_DELIVERED, zone)
        found = of_day(night, night.practitioners[0], day)
        assert all(a[1] <= b[0] for a, b in pairwise(found))
        for start, end in found:
            assert times.wall(start, zone).date() == day and times.wall(end - dt.timedelta(minutes=1), zone).hour < 6

    def test_for_somebody_far_away_both_clocks_are_said(self) -> None:
        moment = at("2026-03-27 10:00")
        assert times.spoken(moment, "Europe/London", "America/New_York") == "Friday 27 March 2026 at 10:00, London time (Friday 06:00 in New York)"
        assert times.spoken(moment, "Europe/London", "Europe/Lisbon") == "Friday 27 March 2026 at 10:00, London time"


_DELIVERED = PRACTICE.get()


class TestHours:
    def starts(self, practice: Practice, day: str, number: int = 0) -> list[str]:
        return [f"{times.wall(a, practice.zone):%H:%M}" for a, _ in of_day(practice, practice.practitioners[number], dt.date.fromisoformat(day))]

    def test_breaks_and_closing_time(self, practice: Practice) -> None:
        friday = self.starts(practice, "2026-03-27")
        assert friday[0] == "09:00" and friday[-1] == "16:30"
        assert {"13:00", "13:30"}.isdisjoint(friday) and {"12:30", "14:00"} <= set(friday)

    def test_an_appointment_does_not_run_into_the_break(self, practice: Practice) -> None:
        assert "12:30" not in self.starts(replace(practice, minutes=45), "2026-03-27")

    def test_closed_days_days_off_and_hours_of_ones_own(self, clinic_file: ClinicFile) -> None:
        people = clinic_file.content["practitioners"]
        people[1]["away"] = ["2026-03-27 to 2026-03-30"]
        people[2]["hours"] = {"friday": ["10:00-11:00"]}
        people[2]["breaks"] = ["10:30-11:00"]
        clinic_file.write(closed_days=["2026-03-31"])
        practice = PRACTICE.get()
        assert self.starts(practice, "2026-03-31") == self.starts(practice, "2026-03-29") == []
        assert self.starts(practice, "2026-03-27", 1) == [] and self.starts(practice, "2026-03-26", 1)
        assert self.starts(practice, "2026-03-27", 2) == ["10:00"] and self.starts(practice, "2026-03-30", 2) == []

    @pytest.mark.parametrize(
        ("hours", "breaks", "left"),
        [
            ("09:00-12:00", "10:00-11:00", "09:00-10:00 11:00-12:00"),
            ("09:00-12:00", "08:00-09:30", "09:30-12:00"),
            ("09:00-12:00", "11:30-13:00", "09:00-11:30"),
            ("09:00-12:00", "08:00-13:00", ""),
            ("09:00-12:00", "12:00-13:00", "09:00-12:00"),
            ("09:00-12:00 13:00-17:00", "11:00-14:00 15:00-15:30", "09:00-11:00 14:00-15:00 15:30-17:00"),
        ],
    )
    def test_hours_without_breaks(self, hours: str, breaks: str, left: str) -> None:
        from knowledge.practice import spans

        assert slots.open_spans(spans(hours.split()), spans(breaks.split())) == spans(left.split())


class TestWishes:
    def wish(self, practice: Practice, busy: Any = None, **wishes: Any) -> list[Slot]:
        return free(practice, Wishes.from_json(wishes), NOW, busy or {})

    def test_windows_are_kept(self, practice: Practice) -> None:
        window = {"start": "2026-03-27T14:00:00+00:00", "end": "2026-03-27T15:00:00+00:00"}
        assert [s.start for s in self.wish(practice, windows=[window])] == [at("2026-03-27 14:00"), at("2026-03-27 14:30")]

    def test_several_windows_in_any_order_are_one_list_in_order(self, practice: Practice) -> None:
        windows = [{"start": f"2026-03-{day}T10:00:00+00:00", "end": f"2026-03-{day}T10:30:00+00:00"} for day in ("30", "27", "28", "27")]
        found = [s.start for s in self.wish(practice, windows=windows)]
        assert found == sorted(set(found)) and len(found) == 3

    @pytest.mark.parametrize(("sex", "names"), [("woman", {"Dr Amara Osei", "Helen Brandt"}), ("man", {"Tom Iyer"})])
    def test_a_woman_or_a_man(self, sex: str, names: set[str], practice: Practice) -> None:
        assert {s.practitioner for s in self.wish(practice, sex=sex, every_practitioner=True)} == names

    def test_nobody_of_that_name_has_no_time(self, practice: Practice) -> None:
        assert self.wish(practice, practitioner="Dr Who") == []

    def test_a_time_is_shown_once_with_whoever_has_most_time_that_day(self, practice: Practice) -> None:
        busy = {"Dr Amara Osei": [(at("2026-03-27 10:00"), at("2026-03-27 16:00"))]}
        found = self.wish(practice, busy)
        assert len({s.start for s in found}) == len(found)
        assert found[0].practitioner == "Helen Brandt"

    def test_lead_time_and_horizon(self, practice: Practice) -> None:
        found = self.wish(practice)
        assert found[0].start >= NOW + dt.timedelta(hours=24) and found[-1].start <= NOW + dt.timedelta(days=60)

    @pytest.mark.parametrize("windows", [[{"start": "2026-03-27T10:00:00", "end": "2026-03-27T11:00:00"}], [{"start": "soon", "end": "later"}]])
    def test_a_window_without_zone_or_sense_is_refused(self, windows: Any) -> None:
        with pytest.raises(ValueError):
            Wishes.from_json({"windows": windows})

    @given(st.lists(st.tuples(st.integers(0, 3000), st.integers(1, 600)), max_size=12))
    def test_nothing_taken_is_ever_offered(self, periods: list[tuple[int, int]]) -> None:
        busy = [(NOW + dt.timedelta(minutes=10 * a), NOW + dt.timedelta(minutes=10 * a + b)) for a, b in periods]
        for slot in free(_DELIVERED, Wishes(practitioner="Tom Iyer"), NOW, {"Tom Iyer": busy}):
            assert not slots.overlaps((slot.start, slot.end), busy)


class TestSlots:
    def test_travel_as_json(self) -> None:
        slot = Slot(at("2026-03-27 10:00"), "Helen Brandt", at("2026-03-27 10:30"), "Europe/London", False)
        again = Slot.from_json(slot.to_json())
        assert again == slot and (again.end, again.zone, again.certain) == (slot.end, slot.zone, False)

    @pytest.mark.parametrize("data", [{}, {"start": 1}, {"start": "x", "end": "y", "practitioner": "z", "zone": "w"}, [], None, "slot"])
    def test_rubbish_is_refused(self, data: Any) -> None:
        with pytest.raises(ValueError):
            Slot.from_json(data)


def test_without_a_booking_part_everything_has_a_default(clinic_file: ClinicFile) -> None:
    del clinic_file.content["booking"]
    practice = read_practice(clinic_file.content)
    assert (practice.mode, practice.every_minutes, practice.lead_hours) == ("local", 30, 24)
    assert ZoneInfo(practice.zone)
