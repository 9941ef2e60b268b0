"""Who may do what: five groups, made again after every `migrate`. Staff get a group; nobody needs single permissions."""

from typing import Dict, Tuple

from django.apps import apps
from django.contrib.auth.management import create_permissions
from django.contrib.auth.models import Group, Permission

LABELS = ("clinic", "review", "auth")
_DESK: Tuple[str, ...] = (
    "view_booking add_booking change_booking view_slot add_slot change_slot delete_slot view_handoff change_handoff "
    "view_request change_request view_message change_message view_history"
).split()  # type: ignore[assignment]
_READ: Tuple[str, ...] = ("view_talk", "sort_talk", "see_figures")
_HEALTH: Tuple[str, ...] = ("read_screening", "view_screening", "view_consent")
_LOOKS: Tuple[str, ...] = ("view_access", "view_history", "view_receipt")
GROUPS: Dict[str, Tuple[str, ...]] = {
    "receptionist": (*_DESK, "view_talk", "sort_talk", "take_talk"),
    "reviewer": (*_READ, "correct_talk"),  # sees no contact, no booking and no original word
    "clinician": (*_DESK, *_HEALTH, *_READ, "take_talk", "correct_talk", "unmask_talk"),
    "manager": (
        *_DESK, *_HEALTH, *_READ, *_LOOKS, "take_talk", "correct_talk", "unmask_talk", "export_talk", "erase_person",
        "view_user", "add_user", "change_user", "view_group",
    ),
    "auditor": _LOOKS,  # sees who looked at what, and none of it
}  # fmt: skip


def make(using: str = "default") -> None:
    """Groups get exactly these permissions; a permission given by hand to one of them does not last."""
    for label in LABELS:
        create_permissions(apps.get_app_config(label), verbosity=0, using=using)
    for name, codes in GROUPS.items():
        group, _ = Group.objects.using(using).get_or_create(name=name)
        group.permissions.set(Permission.objects.using(using).filter(codename__in=codes, content_type__app_label__in=LABELS))
