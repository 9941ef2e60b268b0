"""What every answer of the site carries: strict security headers, and the clinic's own clock."""

from typing import Callable

from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from clinic.booking.times import ZoneInfo
from clinic.practice import PRACTICE

Answer = Callable[[HttpRequest], HttpResponse]

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'; object-src 'none'"
)


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
