"""Addresses of the clinic's page."""

from django.urls import path

from clinic.website import views

urlpatterns = [
    path("", views.home, name="home"),
    path("privacy/", views.privacy, name="privacy"),
    path("theme.css", views.theme, name="theme"),
    path("stria-chat.js", views.chat_file, name="chat"),
]
