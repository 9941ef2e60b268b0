"""`clinic.yml`: what it says reaches the answers, and a slip in it is named while the last good state goes on."""

import copy
import datetime as dt
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from actions import dialogue
from knowledge import facts
from knowledge.facts import open_now
from knowledge.library import Library
from knowledge.practice import DAYS, ClinicFileError, read_clinic

Save = Callable[[Path, str], None]


@pytest.fixture
def clinic() -> dict[str, Any]:
    """The delivered clinic, free to be changed."""
    return copy.deepcopy(read_clinic())


@pytest.fixture
def project(project: Path) -> Path:
    """Two topics are enough here, and quicker to read."""
    for path in (project / "data").glob("*.yml"):
        if path.name not in ("aftercare.yml", "visiting.yml", "sources.yml", "contraindications.yml", "screening.yml"):
            path.unlink()
    return project


def london(text: str) -> dt.datetime:
    """A wall-clock time in the clinic's zone: "2026-03-02 17:59"."""
    return dt.datetime.fromisoformat(text).replace(tzinfo=facts.ZoneInfo("Europe/London"))


def utc(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text).replace(tzinfo=dt.timezone.utc)


class TestOpenNow:  # 2 March 2026 is a Monday
    @pytest.mark.parametrize(
        ("when", "sentence"),
        [
            ("2026-03-02 08:59", "We are closed now and open again today at 09:00."),
            ("2026-03-02 09:00", "We are open now, until 18:00."),
            ("2026-03-02 17:59:59", "We are open now, until 18:00."),
            ("2026-03-02 18:00", "We are closed now and open again tomorrow at 09:00."),
            ("2026-03-02 23:59", "We are closed now and open again tomorrow at 09:00."),
            ("2026-03-03 00:00", "We are closed now and open again today at 09:00."),
            ("2026-03-06 17:00", "We are closed now and open again tomorrow at 10:00."),
            ("2026-03-07 15:00", "We are closed now and open again on Monday at 09:00."),
            ("2026-03-08 12:00", "We are closed now and open again tomorrow at 09:00."),
        ],
    )
    def test_around_opening_and_closing_time(self, when: str, sentence: str, clinic: dict[str, Any]) -> None:
        assert open_now(clinic, london(when)) == sentence

    def test_a_lunch_break_is_closed(self, clinic: dict[str, Any]) -> None:
        clinic["opening_hours"]["monday"] = ["09:00-12:30", "13:30-18:00"]
        assert open_now(clinic, london("2026-03-02 12:29")) == "We are open now, until 12:30."
        assert open_now(clinic, london("2026-03-02 12:30")) == "We are closed now and open again today at 13:30."

    def test_closed_days_are_closed_whatever_the_weekday(self, clinic: dict[str, Any]) -> None:
        clinic["booking"]["closed_days"] = ["2026-03-02 to 2026-03-03"]
        assert open_now(clinic, london("2026-03-02 10:00")) == "We are closed now and open again on Wednesday at 09:00."
        clinic["booking"]["closed_days"] = ["2026-03-02 to 2026-03-14"]
        assert open_now(clinic, london("2026-03-02 10:00")) == "We are closed now and open again on Monday 16 March at 09:00."

    def test_open_one_day_a_week(self, clinic: dict[str, Any]) -> None:
        clinic["opening_hours"] = {"monday": ["09:00-18:00"]}
        assert open_now(clinic, london("2026-03-02 18:00")) == "We are closed now and open again on Monday at 09:00."
        assert open_now(clinic, london("2026-03-04 10:00")) == "We are closed now and open again on Monday at 09:00."

    @pytest.mark.parametrize("hours", [{}, {day: [] for day in DAYS}, dict.fromkeys(DAYS)])
    def test_a_week_without_hours_promises_nothing(self, hours: dict[str, Any], clinic: dict[str, Any]) -> None:
        clinic["opening_hours"] = hours
        assert open_now(clinic, london("2026-03-02 10:00")) == "We have no opening hours on record; please write to us."

    def test_every_hour_of_a_week_without_holidays_agrees_with_the_table(self, clinic: dict[str, Any]) -> None:
        for hour in range(7 * 24):
            when = london("2026-03-02 00:30") + dt.timedelta(hours=hour)
            spans = clinic["opening_hours"][DAYS[when.weekday()]]
            inside = any(start <= f"{when:%H:%M}" < end for start, end in (span.split("-") for span in spans))
            assert open_now(clinic, when).startswith("We are open now") is inside, when

    @pytest.mark.parametrize(
        ("when", "is_open"),
        [  # clocks go forward on 29 March 2026 and back on 25 October: closing at 18:00 is 18:00, then 17:00, then 18:00 in UTC
            ("2026-03-23 17:59", True),
            ("2026-03-30 16:59", True),
            ("2026-03-30 17:00", False),
            ("2026-03-30 07:59", False),
            ("2026-03-30 08:00", True),
            ("2026-10-19 17:00", False),
            ("2026-10-26 17:59", True),
            ("2026-10-26 18:00", False),
            ("2026-10-26 08:59", False),
        ],
    )
    def test_the_clocks_wall_time_counts_in_summer_and_winter(self, when: str, is_open: bool, clinic: dict[str, Any]) -> None:
        assert open_now(clinic, utc(when)).startswith("We are open now") is is_open

    @pytest.mark.parametrize("when", ["2026-03-28 23:30", "2026-03-29 00:30", "2026-03-29 01:30", "2026-10-24 23:30", "2026-10-25 00:30", "2026-10-25 01:30"])
    def test_across_the_clock_change_monday_still_opens_at_nine(self, when: str, clinic: dict[str, Any]) -> None:
        assert open_now(clinic, utc(when)).endswith("at 09:00.")

    def test_another_zone_than_the_servers(self, clinic: dict[str, Any]) -> None:
        clinic["clinic"]["time_zone"] = "Australia/Sydney"
        assert open_now(clinic, utc("2026-03-01 22:00")).startswith("We are open now")  # Monday 09:00 there

    def test_now_is_the_default(self, clinic: dict[str, Any]) -> None:
        assert open_now(clinic).startswith("We are ")


class TestFacts:
    def test_neighbouring_days_with_the_same_hours_are_joined(self, clinic: dict[str, Any]) -> None:
        assert facts.hours_by_day(clinic) == [
            ("Monday to Tuesday", "09:00–18:00"),
            ("Wednesday to Thursday", "09:00–20:00"),
            ("Friday", "09:00–17:00"),
            ("Saturday", "10:00–15:00"),
            ("Sunday", "closed"),
        ]

    def test_every_value_is_text(self, clinic: dict[str, Any]) -> None:
        assert all(isinstance(value, str) and value.strip() for value in facts.facts(clinic).values())

    @pytest.mark.parametrize(("amount", "written"), [(0, "free of charge"), (40, "£40"), (140.5, "£140.50"), (1200, "£1,200")])
    def test_money_as_people_write_it(self, amount: float, written: str, clinic: dict[str, Any]) -> None:
        clinic["prices"]["consultation"] = amount
        assert facts.facts(clinic)["consultation_price"] == written

    def test_from_the_cheapest_price(self, clinic: dict[str, Any]) -> None:
        clinic["prices"]["per_session"]["a toe"] = 35
        assert facts.facts(clinic)["price_from"] == "£35"
        assert "a toe: £35 a session" in facts.facts(clinic)["price_list"]

    def test_the_country_picks_the_numbers(self, clinic: dict[str, Any]) -> None:
        clinic["clinic"]["country"] = "US"
        given = facts.facts(clinic)
        assert given["emergency_number"] == "911"
        assert "988" in given["crisis_lines"]


def without(part: str) -> Callable[[dict[str, Any]], None]:
    return lambda clinic: clinic.pop(part)


def put(*path_and_value: Any) -> Callable[[dict[str, Any]], None]:
    *path, last, value = path_and_value

    def change(clinic: dict[str, Any]) -> None:
        for key in path:
            clinic = clinic[key]
        clinic[last] = value

    return change


# What a hurried hand does to the file, and what the message must name.
SLIPS = {
    "the emergency numbers are gone": (without("emergency"), "emergency"),
    "the payment part is gone": (without("payment"), "payment"),
    "the consultation part is gone": (without("consultation"), "consultation"),
    "the practitioners are gone": (without("practitioners"), "practitioners"),
    "the treatment part is gone": (without("treatment"), "treatment"),
    "the phone number is gone": (lambda clinic: clinic["clinic"].pop("phone"), "phone"),
    "a country without numbers": (put("clinic", "country", "XX"), "XX"),
    "a text where a part belongs": (put("clinic", "Willow Road"), "clinic"),
    "a time zone that does not exist": (put("clinic", "time_zone", "Europe/Lundon"), "Lundon"),
    "hours without minutes": (put("opening_hours", "monday", ["9-18"]), "monday"),
    "hours that are no list": (put("opening_hours", "monday", "09:00-18:00"), "monday"),
    "a price with its currency": (put("prices", "consultation", "£40"), "consultation"),
    "a booking mode nobody knows": (put("booking", "mode", "fax"), "mode"),
    "a closed day that is no day": (put("booking", "closed_days", ["Christmas"]), "closed_days"),
    "closed days that run backwards": (put("booking", "closed_days", ["2027-01-02 to 2026-12-24"]), "closed_days"),
    "hours that run backwards": (put("opening_hours", "monday", ["18:00-09:00"]), "monday"),
    "two practitioners of one name": (lambda clinic: clinic["practitioners"].append(clinic["practitioners"][0]), "same name"),
    "a calendar server without calendars": (put("booking", "mode", "caldav"), "calendar"),
    "a link without an address": (put("booking", "mode", "link"), "link"),
    "no price at all": (put("prices", "per_session", {}), "per_session"),
}


def slipped(name: str) -> str:
    """The delivered file after the slip."""
    clinic = read_clinic()
    SLIPS[name][0](clinic)
    return yaml.safe_dump(clinic, allow_unicode=True)


class TestASlipInTheFile:
    def test_the_delivered_file_is_in_order(self) -> None:
        assert facts.facts(read_clinic())

    @pytest.mark.parametrize("text", ["clinic: [", "\tclinic: x", "", "- a\n- b", "just words"])
    def test_what_is_no_clinic_file_is_refused_with_a_sentence(self, text: str, tmp_path: Path) -> None:
        (tmp_path / "clinic.yml").write_text(text, encoding="utf-8")
        with pytest.raises(ClinicFileError, match=r"clinic\.yml"):
            read_clinic(tmp_path / "clinic.yml")

    def test_a_broken_line_is_named(self, tmp_path: Path) -> None:
        (tmp_path / "clinic.yml").write_text("clinic:\n  name: x\n  phone: 'x\n", encoding="utf-8")
        with pytest.raises(ClinicFileError, match=r"line \d"):
            read_clinic(tmp_path / "clinic.yml")

    def test_a_missing_file_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(ClinicFileError, match=r"clinic\.yml could not be read"):
            read_clinic(tmp_path / "clinic.yml")

    @pytest.mark.parametrize("name", SLIPS)
    def test_is_found_when_the_file_is_read_and_named(self, name: str, tmp_path: Path) -> None:
        (tmp_path / "clinic.yml").write_text(slipped(name), encoding="utf-8")
        with pytest.raises(ClinicFileError, match=re.escape(SLIPS[name][1])):
            read_clinic(tmp_path / "clinic.yml")


class TestLibrary:
    @pytest.mark.parametrize("name", SLIPS)
    def test_a_slip_in_clinic_yml_keeps_the_last_good_facts(self, name: str, project: Path, save: Save) -> None:
        library = Library(project)
        good = library.get().facts()["price_list"]
        save(project / "clinic.yml", slipped(name))
        assert library.get().facts()["price_list"] == good

    @pytest.mark.parametrize("file", ["clinic.yml", "data/aftercare.yml", "data/sources.yml", "data/intent_titles.csv"])
    @pytest.mark.parametrize("damage", ["a: [", ""], ids=["broken", "empty"])
    def test_a_half_saved_file_keeps_the_last_good_state(self, file: str, damage: str, project: Path, save: Save) -> None:
        library = Library(project)
        good = library.get()
        save(project / file, damage)
        now = library.get()
        assert now.answers["ask_sun"] == good.answers["ask_sun"]
        assert (now.titles, now.sources, now.clinic) == (good.titles, good.sources, good.clinic)

    @pytest.mark.parametrize("file", ["clinic.yml", "data/sources.yml", "data/intent_titles.csv"])
    def test_a_file_that_vanishes_while_it_is_saved_keeps_the_last_good_state(self, file: str, project: Path) -> None:
        library = Library(project)
        good = library.get()
        (project / file).unlink()
        now = library.get()
        assert now.answers["ask_sun"] == good.answers["ask_sun"]
        assert (now.titles, now.sources, now.clinic) == (good.titles, good.sources, good.clinic)

    def test_a_mended_file_is_read_again(self, project: Path, save: Save) -> None:
        library = Library(project)
        text = (project / "clinic.yml").read_text(encoding="utf-8")
        library.get()
        save(project / "clinic.yml", "clinic: [")
        library.get()
        save(project / "clinic.yml", text.replace("phone: 020 7946 0123", "phone: 020 7946 0999"))
        assert library.get().facts()["phone"] == "020 7946 0999"

    def test_nothing_changed_nothing_read(self, project: Path) -> None:
        library = Library(project)
        assert library.get() is library.get()

    def test_broken_from_the_start_it_says_why(self, project: Path, save: Save) -> None:
        save(project / "clinic.yml", "clinic: [")
        with pytest.raises(ClinicFileError, match=r"clinic\.yml could not be read"):
            Library(project).get()


class TestApology:
    def test_gives_the_clinics_number_and_the_emergency_number(self) -> None:
        assert "020 7946 0123" in dialogue.apology()
        assert "999" in dialogue.apology()

    def test_works_without_a_clinic_file(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(dialogue, "LIBRARY", Library(tmp_path))
        assert "call the clinic" in dialogue.apology()
        assert "emergency number" in dialogue.apology()
