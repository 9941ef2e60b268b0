"""Addresses of the site."""

from django.contrib import admin
from django.urls import path
from django.views.generic import RedirectView

urlpatterns = [
    path("staff/", RedirectView.as_view(pattern_name="admin:index")),
    path("staff/admin/", admin.site.urls),
]
