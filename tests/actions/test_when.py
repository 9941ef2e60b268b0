"""Spoken times: what is read, what is asked back, and that nothing makes the reader fail."""

import datetime as dt
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actions.when import clock_change, read
from actions.wish import Unclear, Wish, describe

LONDON = ZoneInfo("Europe/London")
THURSDAY = dt.datetime(2026, 3, 26, 15, tzinfo=LONDON)
MONDAY = dt.datetime(2026, 3, 23, 10, tzinfo=LONDON)

PLAIN = """
any weekday morning not the 10th | weekdays, before 12:00; not Friday 10 April
weds after 5 | Wednesday 1 April, from 17:00
the week after next | Monday 6 April to Sunday 12 April
half six | at 18:30
half past two | at 14:30
03/04 | Friday 3 April
03/04/2026 10:30 | Friday 3 April, at 10:30
7.4.26 | Tuesday 7 April
2026-04-07 | Tuesday 7 April
13/4 | Monday 13 April
noon-ish | between 11:30 and 12:30
tomoro | Friday 27 March
tmrw am | Friday 27 March, before 12:00
next tomorrow by 4pm | Saturday 28 March, before 16:00
sat or sun | Saturday 28 March or Sunday 29 March
end of the month | Thursday 26 March to Tuesday 31 March
first thing | before 10:00
any day my kids are at school | between 09:15 and 14:30
after work | from 17:00
I finish work at 5, so after that any day next week | Monday 30 March to Sunday 5 April, from 17:00
i work until 5 | from 17:00
a week on Friday | Friday 3 April
tuesday week at 10 | Tuesday 7 April, at 10:00
two weeks today | Thursday 9 April
in a fortnight | Monday 6 April to Sunday 12 April
not before the 10th | from Friday 10 April on
after the 10th | from Saturday 11 April on
before the 20th | Thursday 26 March to Sunday 19 April
next Tuesday morning | Tuesday 31 March, before 12:00
this Friday at half past two | Friday 27 March, at 14:30
Monday or Wednesday afternoon | Monday 30 March or Wednesday 1 April, between 12:00 and 17:00
monday morning or wednesday after 5 | Monday 30 March, before 12:00 or Wednesday 1 April, from 17:00
any weekday after 5 | weekdays, from 17:00
mon-fri 9-5 | weekdays, between 09:00 and 17:00
tues at 10 or 11 | Tuesday 31 March, at 10:00 or at 11:00
mornings or evenings next week | Monday 30 March to Sunday 5 April, before 12:00 or from 17:00
after 5 on monday or tuesday | Monday 30 March or Tuesday 31 March, from 17:00
after four but before six on wednesday | Wednesday 1 April, between 16:00 and 18:00
2-4pm tomorrow | Friday 27 March, between 14:00 and 16:00
between half two and half four on wednesday | Wednesday 1 April, between 14:30 and 16:30
not mondays | any time; not Mondays
any day but monday | any time; not Mondays
mondays are no good | any time; not Mondays
I can't do thursdays, otherwise anytime | any time; not Thursdays
tuesday is no good but wednesday is fine | Wednesday 1 April; not Tuesdays
can't do monday; wednesday or saturday work | Wednesday 1 April or Saturday 28 March; not Mondays
I'm away next week | any time; not Monday 30 March to Sunday 5 April
monday to wednesday next week | Monday 30 March, Tuesday 31 March or Wednesday 1 April
next week, tuesday or wednesday, after 3 | Tuesday 31 March or Wednesday 1 April, from 15:00
wed or thu next week, not before 4pm | Wednesday 1 April or Thursday 2 April, from 16:00
tues 7 april | Tuesday 7 April
7th, 8th or 9th of april after 2 | Tuesday 7 April, Wednesday 8 April or Thursday 9 April, from 14:00
10-15 april | Friday 10 April to Wednesday 15 April
first monday of april | Monday 6 April
last friday of april | Friday 24 April
week commencing 6 april | Monday 6 April to Sunday 12 April
in april but not the 7th or 8th | Wednesday 1 April to Thursday 30 April; not Tuesday 7 April or Wednesday 8 April
sometime in may | Friday 1 May to Sunday 31 May
quarter to 4 tomorrow | Friday 27 March, at 15:45
twenty to three tomorrow | Friday 27 March, at 14:40
wednesday three thirty pm | Wednesday 1 April, at 15:30
at 1530 on tuesday | Tuesday 31 March, at 15:30
3ish on monday | Monday 30 March, between 14:30 and 15:30
5 in the evening on monday | Monday 30 March, at 17:00
kindly give appointment on coming monday forenoon | Monday 30 March, before 12:00
tuesday arvo | Tuesday 31 March, between 12:00 and 17:00
wendesday afternon | Wednesday 1 April, between 12:00 and 17:00
two people on monday at 3pm | Monday 30 March, at 15:00
this or next week | Thursday 26 March to Sunday 5 April
asap but after 5 | from 17:00
book another one for friday 3 april at 14:00 | Friday 3 April, at 14:00
the friday one | Friday 27 March
one appointment on tuesday at one please | Tuesday 31 March, at 13:00
thurs evenings | Thursdays, from 17:00
tue through wed after 2 | Tuesday 31 March or Wednesday 1 April, from 14:00
next week, any day but friday | Monday 30 March to Sunday 5 April; not Fridays
any weekday post lunch | weekdays, between 14:00 and 17:00
april 12 to april 14, nothing earlier than 11 | Sunday 12 April to Tuesday 14 April, from 11:00
a month from today | Sunday 26 April
weekends only | weekends
asap | the earliest time
whenever suits | any time
this evening after 6 | Thursday 26 March, from 18:00
monday's a public holiday so tuesday | Tuesday 31 March
im off to a wedding on the 3rd, so the 4th or 5th | Saturday 4 April or Sunday 5 April
i finish at 8am so at 9 any weekday | weekdays, at 09:00
tuesday is no use to me, nor friday | any time; not Tuesdays or Fridays
it has to be before the 6th or after the 10th | Thursday 26 March to Sunday 5 April or from Saturday 11 April on
anything but a monday, and not before noon | from 12:00; not Mondays
today's no good, neither is tomorrow | any time; not Thursday 26 March or Friday 27 March
sat 28th, no wait thats my long day, tues 31st | Tuesday 31 March
thursday 2 april at half five, no sorry make that half six | Thursday 2 April, at 18:30
monday, actually tuesday | Tuesday 31 March
the twenty-first, or failing that the twenty-third | Tuesday 21 April or Thursday 23 April
in the second half of april | Thursday 16 April to Thursday 30 April
between eleven and noon on monday | Monday 30 March, between 11:00 and 12:00
half past four this evening | Thursday 26 March, at 16:30
next week, tuesday after 3 | Tuesday 31 March, from 15:00
any sat in april apart from the 11th | Saturdays, Wednesday 1 April to Thursday 30 April; not Saturday 11 April
any day mon-wed at 4 | Mondays, Tuesdays or Wednesdays, at 16:00
mon weds fri after 4 | Monday 30 March, Wednesday 1 April or Friday 27 March, from 16:00
any tuesday or thursday | Tuesdays or Thursdays
tuesday, no? | Tuesday 31 March
tuesday at 3 if you have it | Tuesday 31 March, at 15:00
tuesday or wednesday but not before 3 because of the school run | Tuesday 31 March or Wednesday 1 April, from 15:00
"""

ASKED_BACK = """
thursday after 5
next weekend
thursday after 5 or friday
friday or monday next week
5
at 8
10 to 5
10.04
monday 6
tuesday 8 april
4/1
30/2
feb
after easter
I had a baby in March and want to come thursday
not monday, tuesday
not tuesday except after 5
not too early
next week or the following week but one
upper week
this time next week
weekday mornings after the school run
any day but friday next week
wed through fri
just off night shift, any evening
april from reception said to write here
my number ends 0930
thursday or so the week after
1:30am on sunday 29 march
tuesday, less than an hour after five
rota isnt out til the 1st, can i let you know
i am at my daughters until the 9th; thereafter i am free
y'all open at 7am? i could do 7 any day
midday-ish or teatime
im in spain til the 9th so friday
monday, no tuesday
thursday at 5 no wait friday
my momma can watch em wednesdays
tuesday if the sitter can
hardly ever on a tuesday
tuesday barring a miracle
at 3 on tuesday or thereabouts but later in winter
tuesday, though it need not be a tuesday
"""

NOTHING = """
may I come in?
sat down and cried
will march up there myself
yes
no
Will Smith
ada at gmail dot com
how much is it
"""


@pytest.mark.parametrize("row", [r for r in PLAIN.splitlines() if r], ids=lambda r: r.split(" | ")[0])
def test_plain_wish(row: str) -> None:
    text, meant = row.split(" | ")
    wish = read(text, THURSDAY)
    assert isinstance(wish, Wish), wish
    assert describe(wish) == meant
    assert wish.words == text
    assert Wish.from_json(wish.to_json()) == wish


@pytest.mark.parametrize("text", [r for r in ASKED_BACK.splitlines() if r])
def test_two_readings_are_asked_back(text: str) -> None:
    answer = read(text, THURSDAY)
    assert isinstance(answer, Unclear), describe(answer) if answer else "nothing"
    assert answer.question.endswith(("?", '".'))


@pytest.mark.parametrize("text", [r for r in NOTHING.splitlines() if r])
def test_no_time_named(text: str) -> None:
    assert read(text, THURSDAY) is None


def test_next_tuesday_depends_on_the_day() -> None:
    asked = read("next thursday", MONDAY)
    assert isinstance(asked, Unclear)
    assert asked.choices == ("Thursday 26 March 2026", "Thursday 2 April 2026")
    for choice in asked.choices:
        assert isinstance(read(choice, MONDAY), Wish)


def test_tuesday_or_wednesday_next_week_said_on_monday() -> None:
    wish = read("tuesday or wednesday next week", MONDAY)
    assert isinstance(wish, Wish)
    assert describe(wish) == "Tuesday 31 March or Wednesday 1 April"


def test_order_of_day_and_month() -> None:
    british, american = read("03/04", THURSDAY), read("03/04", dt.datetime(2026, 3, 1, 9, tzinfo=LONDON), order="mdy")
    assert isinstance(british, Wish) and isinstance(american, Wish)
    assert describe(british) == "Friday 3 April"
    assert describe(american) == "Wednesday 4 March"


def test_tomorrow_said_in_the_small_hours_is_asked_back() -> None:
    asked = read("tomorrow", THURSDAY.replace(hour=2))
    assert isinstance(asked, Unclear)
    assert asked.choices == ("Thursday 26 March 2026", "Friday 27 March 2026")


def test_opening_hours_decide_morning_or_evening() -> None:
    early = read("at 7", THURSDAY, hours=(6 * 60, 15 * 60))
    late = read("at 7", THURSDAY)
    both = read("at 7", THURSDAY, hours=(6 * 60, 21 * 60))
    assert isinstance(early, Wish) and describe(early) == "at 07:00"
    assert isinstance(late, Wish) and describe(late) == "at 19:00"
    assert isinstance(both, Unclear) and both.choices == ("07:00", "19:00")


def test_clock_changes_are_found() -> None:
    assert clock_change(dt.datetime(2026, 3, 29, 1, 30), LONDON) == "gap"
    assert clock_change(dt.datetime(2026, 10, 25, 1, 30), LONDON) == "fold"
    assert clock_change(dt.datetime(2026, 10, 25, 2, 30), LONDON) == ""
    sunday = read("sunday 25 october at 01:30 am", dt.datetime(2026, 10, 20, 9, tzinfo=LONDON))
    assert isinstance(sunday, Unclear) and "twice" in sunday.question


@given(st.text(max_size=80))
def test_any_text_is_survived(text: str) -> None:
    answer = read(text, THURSDAY)
    assert answer is None or (describe(answer) if isinstance(answer, Wish) else answer.question)


_WORDS = """mon tuesday fridays next this week weekend after before 5 10 the 3rd 31st of april may not or and , but morning evenings
half past at - until from in two days may 03/04 31/02 9.30 15:30 noon last first bad asap"""


@given(st.lists(st.sampled_from(_WORDS.split()), max_size=9))
def test_any_calendar_words_are_survived(words: list[str]) -> None:
    answer = read(" ".join(words), THURSDAY)
    if isinstance(answer, Wish):
        assert describe(answer)
        assert Wish.from_json(answer.to_json()) == answer
