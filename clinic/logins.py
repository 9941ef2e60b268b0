"""Staff logins: a password may be tried ten times in a quarter of an hour, then the account rests."""

import datetime as dt
from typing import Any, Optional

from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import User
from django.http import HttpRequest
from django.utils import timezone

from clinic import sealing
from clinic.models import Guess

MOST = 10
WITHIN = dt.timedelta(minutes=15)


class LockingBackend(ModelBackend):
    """Django's own check, behind a count of failures by login name. Unknown names are counted alike, so that nothing tells them apart."""

    def authenticate(self, request: Optional[HttpRequest], username: Optional[str] = None, password: Optional[str] = None, **kwargs: Any) -> Optional[User]:  # type: ignore[override]
        if username is None or password is None:
            return None
        about = sealing.digest("login", username.casefold())
        if Guess.objects.filter(about=about, at__gt=timezone.now() - WITHIN).count() >= MOST:
            return None
        user = super().authenticate(request, username, password, **kwargs)
        if user is None:
            Guess.objects.create(about=about)
        return user
