"""A diary on any CalDAV server. An entry is named after its time, so `If-None-Match: *` on its name is the lock on that time."""

import datetime as dt
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Callable, Dict, List, Mapping, Optional, Sequence, Tuple
from urllib.parse import urljoin, urlsplit
from zoneinfo import ZoneInfo

import icalendar
import recurring_ical_events
from caldav.davclient import DAVClient
from caldav.elements import cdav
from caldav.lib import error as dav_errors
from niquests.exceptions import ConnectionError as RequestsConnectionError
from niquests.exceptions import RequestException, Timeout

from clinic.booking.diaries import DiaryDown, Entry, TimeTaken
from clinic.booking.slots import Period, Slot
from clinic.booking.times import UTC, moment
from knowledge.practice import Practice, Practitioner

ANSWER_WITHIN = 4  # seconds; a person is waiting
AGAIN_AFTER = 0.2  # seconds; a busy server refuses a connection and takes the next one
REST = 20  # seconds in which a server that did not answer is not asked again

_QUERY = """<?xml version="1.0" encoding="utf-8"?>
<C:calendar-query xmlns:D="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav">
<D:prop><D:getetag/><C:calendar-data/></D:prop>
<C:filter><C:comp-filter name="VCALENDAR"><C:comp-filter name="VEVENT">
<C:time-range start="{start:%Y%m%dT%H%M%SZ}" end="{end:%Y%m%dT%H%M%SZ}"/>
</C:comp-filter></C:comp-filter></C:filter></C:calendar-query>"""

_own = threading.local()  # a client keeps its connection, and serves one thread
_down_until: Dict[str, float] = {}
_pool = ThreadPoolExecutor(max_workers=4, thread_name_prefix="caldav")


class CalDav:
    """The calendars that `clinic.yml` names for its practitioners."""

    provider = "caldav"

    def __init__(self, practice: Practice):
        self.practice = practice

    def busy(self, people: Sequence[Practitioner], start: dt.datetime, end: dt.datetime) -> Dict[str, List[Period]]:
        found = _pool.map(lambda person: self._events(person.calendar, start, end), people)  # all calendars at once
        return {person.name: [(a, b) for a, b, _ in events] for person, events in zip(people, found)}

    def claim(self, slot: Slot, uid: str, text: str) -> Entry:
        href = self._href(slot)
        status, headers, _ = self._call("PUT", href, text, {"If-None-Match": "*"})
        if status not in (200, 201, 204):
            there = self._get(href)
            if there is None:
                raise DiaryDown(f"PUT was answered with {status}")
            if there[0] != uid:
                raise TimeTaken
        self._alone_or_withdraw(slot, uid, lambda: self._delete(href, uid))
        return Entry(href, headers.get("etag", ""))

    def move(self, old: Slot, new: Slot, uid: str, text: str) -> Entry:
        source, target = self._href(old), self._href(new)
        there = self._get(target)
        if there is not None and there[0] != uid:
            raise TimeTaken
        if there is None:
            before = self._get(source)
            if before is None or before[0] != uid:  # staff have taken it out of their calendar
                return self.claim(new, uid, text)
            self._rename(source, target, uid)
            self._alone_or_withdraw(new, uid, lambda: self._rename(target, source, uid))
        return self._write(target, text)

    def settle(self, wanted: Optional[Slot], others: Sequence[Slot], uid: str, text: str) -> Optional[Entry]:
        target = self._href(wanted) if wanted else None
        there = self._get(target) if target else None
        for href in dict.fromkeys(self._href(slot) for slot in others):
            found = self._get(href) if href != target else None
            if found is None or found[0] != uid:
                continue
            if target and there is None:
                self._rename(href, target, uid)
                there = (uid, "")
            else:
                self._delete(href, uid)
        if wanted is None or target is None:
            return None
        if there is None:
            return self.claim(wanted, uid, text)
        if there[0] != uid:
            raise TimeTaken
        return self._write(target, text)

    def _alone_or_withdraw(self, slot: Slot, uid: str, withdraw: Callable[[], None]) -> None:
        """An entry under another name may overlap ours. Whoever sees the other gives way, so two never both stay."""
        others = [u for a, b, u in self._events(self.practice.practitioner(slot.practitioner).calendar, slot.start, slot.end) if u != uid]
        if not others:
            return
        try:
            withdraw()
        except (DiaryDown, TimeTaken) as error:
            raise TimeTaken(clean=False) from error
        raise TimeTaken

    def _href(self, slot: Slot) -> str:
        try:
            calendar = self.practice.practitioner(slot.practitioner).calendar
        except KeyError as error:
            raise DiaryDown(f"clinic.yml no longer names {slot.practitioner}") from error
        return urljoin(calendar.rstrip("/") + "/", f"stria-{slot.start:%Y%m%dT%H%M%SZ}.ics")

    def _get(self, href: str) -> Optional[Tuple[str, str]]:
        """UID and ETag of what is there, or None."""
        status, headers, body = self._call("GET", href)
        if status in (404, 410):
            return None
        if status != 200:
            raise DiaryDown(f"GET was answered with {status}")
        uids = [str(event.get("UID", "")) for event in _events_in(body)]
        return (uids[0] if uids else ""), headers.get("etag", "")

    def _write(self, href: str, text: str) -> Entry:
        status, headers, _ = self._call("PUT", href, text, {"If-Match": "*"})
        if status not in (200, 201, 204):
            raise DiaryDown(f"PUT was answered with {status}")
        return Entry(href, headers.get("etag", ""))

    def _rename(self, source: str, target: str, uid: str) -> None:
        status, _, _ = self._call("MOVE", source, "", {"Destination": target, "Overwrite": "F"})
        if status in (201, 204):
            return
        there = self._get(target)
        if there is None:
            raise DiaryDown(f"MOVE was answered with {status}")
        if there[0] != uid:
            raise TimeTaken

    def _delete(self, href: str, uid: str) -> None:
        there = self._get(href)
        if there is None or there[0] != uid:
            return
        status, _, _ = self._call("DELETE", href, "", {"If-Match": there[1]} if there[1] else {})
        if status not in (200, 204, 404, 410):
            raise DiaryDown(f"DELETE was answered with {status}")

    def _events(self, calendar: str, start: dt.datetime, end: dt.datetime) -> List[Tuple[dt.datetime, dt.datetime, str]]:
        """(start, end, UID) of everything that keeps the practitioner busy, recurring events one by one."""
        status, _, body = self._call("REPORT", calendar, _QUERY.format(start=start.astimezone(UTC), end=end.astimezone(UTC)), {"Depth": "1"})
        if status != 207:
            raise DiaryDown(f"REPORT was answered with {status}")
        found = []
        for text in body:
            try:
                events = recurring_ical_events.of(icalendar.Calendar.from_ical(text)).between(start, end)
            except (ValueError, KeyError, TypeError) as error:
                raise DiaryDown("an entry of the calendar cannot be read") from error
            for event in events:
                if str(event.get("TRANSP", "")).upper() != "TRANSPARENT" and str(event.get("STATUS", "")).upper() != "CANCELLED":
                    a, b = self._period(event)
                    if a < end and start < b:
                        found.append((a, b, str(event.get("UID", ""))))
        return found

    def _period(self, event: Any) -> Period:
        return self._moment(event.start), self._moment(event.end)

    def _moment(self, value: Any) -> dt.datetime:
        """A day begins at the clinic's midnight; a time without a zone is the clinic's."""
        if not isinstance(value, dt.datetime):
            return moment(value, dt.time(0), self.practice.zone)
        return (value if value.tzinfo else value.replace(tzinfo=ZoneInfo(self.practice.zone))).astimezone(UTC)

    def _call(self, method: str, url: str, body: str = "", headers: Optional[Mapping[str, str]] = None) -> Tuple[int, Mapping[str, str], Any]:
        """Status, headers (lower case) and body: the calendar texts of a REPORT, else what was sent. Raises DiaryDown."""
        server = urlsplit(url).netloc
        if _down_until.get(server, 0) > time.monotonic():
            raise DiaryDown("the calendar server did not answer a moment ago")
        kind = {"PUT": "text/calendar; charset=utf-8", "REPORT": "application/xml; charset=utf-8"}.get(method)
        try:
            response = _asked(_client(server, url), url, method, body, {**({"Content-Type": kind} if kind else {}), **(headers or {})})
            if method == "REPORT" and response.status == 207:
                rows = response.expand_simple_props([cdav.CalendarData()])
                return 207, {}, [row[cdav.CalendarData.tag] for row in rows.values() if row.get(cdav.CalendarData.tag)]
        except (RequestException, dav_errors.DAVError, OSError, LookupError) as error:
            if not isinstance(error, dav_errors.AuthorizationError):
                _down_until[server] = time.monotonic() + REST
            raise DiaryDown(type(error).__name__) from error
        if response.status >= 500:
            _down_until[server] = time.monotonic() + REST
            raise DiaryDown(f"{method} was answered with {response.status}")
        return response.status, {name.lower(): value for name, value in response.headers.items()}, response.raw


def _asked(client: DAVClient, url: str, method: str, body: str, headers: Dict[str, str]) -> Any:
    """The answer. A connection that is refused or cut is tried once more: every request here may be repeated, its caller looks whose entry it finds.

    So is a KeyError: under load the client's pool of connections (niquests 3.21) was seen to look one up that another thread had just taken out.
    """
    try:
        return client.request(url, method, body, headers)
    except Timeout:
        raise
    except (RequestsConnectionError, KeyError):
        time.sleep(AGAIN_AFTER)
        return client.request(url, method, body, headers)


def forget_troubles() -> None:
    """Ask every server again at once."""
    _down_until.clear()


def _client(server: str, url: str) -> DAVClient:
    clients: Dict[str, DAVClient] = _own.__dict__.setdefault("clients", {})
    if server not in clients:
        clients[server] = DAVClient(
            url=url,
            username=os.environ.get("STRIA_CALDAV_USER") or None,
            password=os.environ.get("STRIA_CALDAV_PASSWORD") or None,
            timeout=ANSWER_WITHIN,
            enable_rfc6764=False,
            require_tls=False,
        )
    return clients[server]


def _events_in(body: Any) -> List[Any]:
    try:
        return list(icalendar.Calendar.from_ical(body).walk("VEVENT"))
    except ValueError:
        return []
