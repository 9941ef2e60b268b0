"""Makes the first login of the staff's site and prints it once: `python -m clinic.first_login`. There is no default password."""

import os
import secrets
from typing import Optional, Tuple

NAME = "manager"


def make() -> Optional[Tuple[str, str]]:
    """(login, password) of a new manager, or None when there is a member of staff already."""
    from django.contrib.auth.models import Group, User
    from django.db import IntegrityError, transaction

    if User.objects.filter(is_staff=True).exists():
        return None
    password = "-".join(secrets.token_hex(2) for _ in range(5))
    try:
        with transaction.atomic():
            user = User.objects.create_user(NAME, password=password, is_staff=True, is_superuser=True)
            user.groups.add(Group.objects.get(name="manager"))
    except IntegrityError:  # two launchers at once: the other one has printed it
        return None
    return NAME, password


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "clinic.settings")
    from clinic import ready

    ready.prepare()
    made = make()
    if made is not None:
        from django.conf import settings

        print(f"First login for {settings.PUBLIC_URL}/staff/: {made[0]}, password {made[1]}", flush=True)
        print("It is shown only now. Change the password after the first login.", flush=True)


if __name__ == "__main__":
    main()
