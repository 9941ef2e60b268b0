"""What every answer of the site carries: strict security headers, a name for the log, and the clinic's own clock."""

from typing import Callable
from zoneinfo import ZoneInfo

from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from clinic import ready
from knowledge.practice import PRACTICE
from runtime.request import HEADER, new_request_id

Answer = Callable[[HttpRequest], HttpResponse]

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'; object-src 'none'"
)


class Health:
    """`/healthz`, before anything looks at the host name: whether this process can use the database."""

    def __init__(self, get_response: Answer):
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.path != "/healthz":
            return self.get_response(request)
        try:
            ready.prepare()
            connection.close_if_unusable_or_obsolete()
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1 FROM clinic_history LIMIT 1")
        except DatabaseError:
            return HttpResponse("the database cannot be used", status=503, content_type="text/plain")
        return HttpResponse("ok", content_type="text/plain")


class Named:
    """The request's id, which the reverse proxy gives and shows to the browser, in every log line."""

    def __init__(self, get_response: Answer):
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        new_request_id(request.headers.get(HEADER))
        return self.get_response(request)


class SecurityHeaders:
    """A view that needs another policy sets its own header; ours never overwrites it."""

    def __init__(self, get_response: Answer):
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        response.headers.setdefault("Content-Security-Policy", POLICY)
        response.headers.setdefault("Permissions-Policy", "camera=(), microphone=(), geolocation=(), payment=()")
        if request.path.startswith("/staff/"):
            response.headers.setdefault("Cache-Control", "no-store")
        return response


class ClinicClock:
    """Times are read and written in the clinic's zone, as `clinic.yml` says now."""

    def __init__(self, get_response: Answer):
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        with timezone.override(ZoneInfo(PRACTICE.get().zone)):
            return self.get_response(request)
