"""Login, second factor and logout of the staff's site, and what keeps a forgotten screen from staying open."""

import base64
import time
from typing import Any, Callable, Optional

import segno
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.views import LoginView
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.safestring import SafeString, mark_safe
from django.views.decorators.http import require_http_methods, require_POST
from django_otp import login as otp_login
from django_otp.plugins.otp_totp.models import TOTPDevice

from clinic.review import access, recovery
from clinic.review.access import needs
from knowledge.practice import PRACTICE

Answer = Callable[[HttpRequest], HttpResponse]
IDLE = 30 * 60  # seconds without a page after which a login ends
SEEN_EVERY = 60  # seconds between two notes of when it was last seen
OPEN = {"/staff/login/", "/staff/logout/", "/staff/second-factor/", "/staff/admin/login/", "/staff/admin/logout/"}
SET_UP = "/staff/second-factor/setup/"  # open to whoever has none yet


class StaffForm(AuthenticationForm):
    """Only staff; somebody else's right password is answered like a wrong one."""

    def confirm_login_allowed(self, user: Any) -> None:
        super().confirm_login_allowed(user)
        if not user.is_staff:
            raise ValidationError(self.get_invalid_login_error(), code="invalid_login")


class Login(LoginView):
    template_name = "review/login.html"
    authentication_form = StaffForm
    redirect_authenticated_user = True
    next_page = "staff"


@require_POST
def leave(request: HttpRequest) -> HttpResponse:
    logout(request)
    return redirect("staff_login")


def device_of(user: Any) -> Optional[TOTPDevice]:
    """The second factor in use."""
    return TOTPDevice.objects.filter(user=user, confirmed=True).first()


@require_http_methods(["GET", "POST"])
def second_factor(request: HttpRequest) -> HttpResponse:
    """The six digits, or one of the recovery codes. Either refuses to be tried too fast, and takes no code twice."""
    if not request.user.is_authenticated:
        return redirect("staff_login")
    device = device_of(request.user)
    target = str(request.POST.get("next") or request.GET.get("next") or "")
    target = target if url_has_allowed_host_and_scheme(target, allowed_hosts=None) else reverse("staff")
    if device is None:
        return redirect(target)
    wrong, spare = "", bool(request.POST.get("recovery"))
    if request.method == "POST":
        used = recovery.device_of(request.user) if spare else device
        given = recovery.digest(str(request.POST["recovery"])) if spare else digits(request.POST.get("code"))
        allowed = used is None or used.verify_is_allowed()[0]
        if used is not None and allowed and used.verify_token(given):
            otp_login(request, used)
            if spare:
                access.note(request, "second factor", recovery_code_used=True)
                messages.warning(request, f"That recovery code is used up; {recovery.left(request.user)} are left. Connect your app again under Second factor.")
            return redirect(target)
        wrong = "Too many tries. Wait a little, then use the next code." if not allowed else WRONG_SPARE if spare else WRONG
    return render(request, "review/second_factor.html", {"wrong": wrong, "spare": spare, "next": target})


WRONG = "That code is not right. Wait for the next one."
WRONG_SPARE = "That recovery code is not right, or it has been used."


def digits(text: Any) -> str:
    return "".join(sign for sign in str(text or "") if sign.isdigit())


@require_http_methods(["GET", "POST"])
@needs()
def set_up(request: HttpRequest) -> HttpResponse:
    """Connect an app that makes codes. A device that is in use is only replaced after its own code."""
    old = device_of(request.user)
    new, _ = TOTPDevice.objects.get_or_create(user=request.user, confirmed=False, defaults={"name": "app"})
    wrong = ""
    if request.method == "POST":
        if new.verify_token(digits(request.POST.get("code"))):
            new.confirmed = True
            new.save()
            TOTPDevice.objects.filter(user=request.user).exclude(pk=new.pk).delete()
            otp_login(request, new)
            return _codes(request)
        wrong = f"{WRONG[:-1]} and try again."
    key = base64.b32encode(new.bin_key).decode().rstrip("=")
    context = {
        "key": " ".join(key[i : i + 4] for i in range(0, len(key), 4)),
        "address": _address(new),
        "picture": picture(_address(new)),
        "wrong": wrong,
        "old": old,
        "left": recovery.left(request.user),
        "clinic": PRACTICE.get().name,
    }
    return render(request, "review/second_factor_setup.html", context)


@require_POST
@needs()
def new_codes(request: HttpRequest) -> HttpResponse:
    """Ten new recovery codes, after the app's own: a desk that was left open for a minute must not hand them out."""
    device = device_of(request.user)
    if device is None:
        return redirect("second_factor_setup")
    if not device.verify_is_allowed()[0] or not device.verify_token(digits(request.POST.get("code"))):
        messages.error(request, "The app's code was not right, so the recovery codes stay as they are. Wait for the next one and try again.")
        return redirect("second_factor_setup")
    return _codes(request)


def _codes(request: HttpRequest) -> HttpResponse:
    """The page that shows new codes, once. They are in no session and no log; a reload asks for another six digits and fails."""
    access.note(request, "second factor", set_up=True)
    return render(request, "review/recovery_codes.html", {"codes": recovery.renew(request.user)})


def _address(device: TOTPDevice) -> str:
    return str(device.config_url)


def picture(address: str) -> SafeString:
    """The address as a QR code: an SVG without a style, a script or a size of its own. Dark on white in every colour scheme, or no camera reads it."""
    return mark_safe(segno.make(address, error="m").svg_inline(border=4, dark="#000", light="#fff", omitsize=True))  # noqa: S308 (only squares are in it)


class Doors:
    """Ends a login that was left alone, and lets nobody past who has not given the second factor."""

    def __init__(self, get_response: Answer):
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not request.path.startswith("/staff/") or not request.user.is_authenticated:
            return self.get_response(request)
        now, seen = time.time(), request.session.get("seen")
        if seen is not None and now - seen > IDLE:
            logout(request)
            return redirect(f"{reverse('staff_login')}?next={request.path}")
        if (seen is None or now - seen > SEEN_EVERY) and not request.path.endswith("/live/"):
            request.session["seen"] = now
        if request.path not in OPEN and not getattr(request.user, "is_verified", bool)():
            if device_of(request.user) is not None:
                return redirect(f"{reverse('second_factor')}?next={request.path}")
            if settings.SECOND_FACTOR == "required" and request.path != SET_UP:
                return redirect("second_factor_setup")
        return self.get_response(request)
