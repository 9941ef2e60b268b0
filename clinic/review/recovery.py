"""Recovery codes: ten words that each open the login once in place of the app. Only their digests are stored, so that a copy of the database opens nothing."""

import hashlib
import secrets
from typing import Any, List

from django.db import transaction
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp.models import TOTPDevice

COUNT = 10
SIGNS = "abcdefghjkmnpqrstuvwxyz23456789"  # none that is read as another: i, l, o, 0, 1
LENGTH = 12  # 59 bits: beyond guessing, also by whoever has the digests


def new_code() -> str:
    """`k3hd-w9xm-pq7t`"""
    signs = "".join(secrets.choice(SIGNS) for _ in range(LENGTH))
    return "-".join(signs[i : i + 4] for i in range(0, LENGTH, 4))


def digest(code: str) -> str:
    """As it is stored. However a code is typed, with or without dashes and capitals, it is the same one; `O` and the like were never in it."""
    return hashlib.sha256("".join(sign for sign in code.casefold() if sign in SIGNS).encode()).hexdigest()[:16]


@transaction.atomic
def renew(user: Any) -> List[str]:
    """Ten new codes, to be shown once; the ones before them are worth nothing from now on."""
    StaticDevice.objects.filter(user=user).delete()
    device = StaticDevice.objects.create(user=user, name="recovery codes", confirmed=True)
    codes = [new_code() for _ in range(COUNT)]
    for code in codes:
        device.token_set.create(token=digest(code))
    return codes


def device_of(user: Any) -> Any:
    """What the codes of this login belong to; None without any."""
    return StaticDevice.objects.filter(user=user, confirmed=True).first()


def left(user: Any) -> int:
    device = device_of(user)
    return device.token_set.count() if device else 0


@transaction.atomic
def forget(user: Any) -> bool:
    """Take away a lost second factor, app and codes; whether there was one. The next login sets up another where one is required."""
    gone = TOTPDevice.objects.filter(user=user).delete()[0] + StaticDevice.objects.filter(user=user).delete()[0]
    return bool(gone)
