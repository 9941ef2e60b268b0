"""Addresses of the site."""

from django.contrib import admin
from django.urls import include, path

from clinic import views
from clinic.review import doors

urlpatterns = [
    path("", include("clinic.website.urls")),
    path("reminders/<str:token>/", views.reminders, name="reminders"),
    path("staff/", views.staff, name="staff"),
    path("staff/login/", doors.Login.as_view(), name="staff_login"),
    path("staff/logout/", doors.leave, name="staff_logout"),
    path("staff/second-factor/", doors.second_factor, name="second_factor"),
    path("staff/second-factor/setup/", doors.set_up, name="second_factor_setup"),
    path("staff/second-factor/codes/", doors.new_codes, name="recovery_codes"),
    path("staff/desk/", include("clinic.review.urls")),
    path("staff/find/<str:kind>/<str:reference>/", views.find, name="find"),
    path("staff/admin/", admin.site.urls),
]
