"""Who may do what: three groups, made again after every `migrate`. Staff get a group; nobody needs single permissions."""

from typing import Dict, Tuple

from django.apps import apps
from django.contrib.auth.management import create_permissions
from django.contrib.auth.models import Group, Permission

_DESK: Tuple[str, ...] = (
    "view_booking add_booking change_booking view_slot add_slot change_slot delete_slot view_handoff change_handoff "
    "view_request change_request view_message change_message view_history"
).split()  # type: ignore[assignment]
GROUPS: Dict[str, Tuple[str, ...]] = {
    "receptionist": tuple(_DESK),
    "clinician": (*_DESK, "read_screening", "view_screening", "view_consent"),
    "manager": (
        *_DESK, "read_screening", "view_screening", "view_consent", "view_receipt", "erase_person",
        "view_user", "add_user", "change_user", "view_group",
    ),
}  # fmt: skip


def make(using: str = "default") -> None:
    """Groups get exactly these permissions; a permission given by hand to one of them does not last."""
    for label in ("clinic", "auth"):
        create_permissions(apps.get_app_config(label), verbosity=0, using=using)
    for name, codes in GROUPS.items():
        group, _ = Group.objects.using(using).get_or_create(name=name)
        group.permissions.set(Permission.objects.using(using).filter(codename__in=codes, content_type__app_label__in=("clinic", "auth")))
