"""The staff's site: Django's admin under the clinic's name."""

from typing import Any, Dict

from django.contrib.admin import AdminSite
from django.http import HttpRequest

from knowledge.practice import PRACTICE


class StaffSite(AdminSite):
    site_title = "Staff"
    index_title = "Records"
    site_url = None
    enable_nav_sidebar = False

    def each_context(self, request: HttpRequest) -> Dict[str, Any]:
        return {**super().each_context(request), "site_header": PRACTICE.get().name}
