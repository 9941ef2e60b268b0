"""Addresses of the site."""

from django.contrib import admin
from django.urls import path
from django.views.generic import RedirectView

from clinic import views

urlpatterns = [
    path("reminders/<str:token>/", views.reminders, name="reminders"),
    path("staff/", RedirectView.as_view(pattern_name="admin:index"), name="staff"),
    path("staff/find/<str:kind>/<str:reference>/", views.find, name="find"),
    path("staff/admin/", admin.site.urls),
]
