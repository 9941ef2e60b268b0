"""Django's settings. Everything that differs between machines comes from the environment (`.env.example`); nothing secret has a default."""

import os
from typing import Any, Dict, List
from urllib.parse import parse_qsl, unquote, urlsplit

from clinic.keys import signing_key
from runtime.settings import VAR, clinic_port, port, prepare_environment, public_url

prepare_environment()

DEBUG = False
SECRET_KEY = signing_key()

PUBLIC_URL = public_url() or f"http://127.0.0.1:{clinic_port()}"
_HTTPS = PUBLIC_URL.startswith("https://")
ALLOWED_HOSTS = [urlsplit(PUBLIC_URL).hostname or "", "127.0.0.1", "localhost", "[::1]"]
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL]

INSTALLED_APPS = [
    "clinic.apps.Clinic",
    "clinic.apps.StaffSite",
    "clinic.review.apps.Review",
    "django_otp",
    "django_otp.plugins.otp_totp",
    "django_otp.plugins.otp_static",
    "clinic.website",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
]
MIDDLEWARE = [
    "clinic.middleware.Named",
    "clinic.middleware.Health",
    "clinic.middleware.SecurityHeaders",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django_otp.middleware.OTPMiddleware",
    "clinic.review.doors.Doors",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "clinic.middleware.ClinicClock",
]
ROOT_URLCONF = "clinic.urls"
ASGI_APPLICATION = "clinic.asgi.application"
TEMPLATES: List[Dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "clinic.review.nav.menu",
            ]
        },
    }
]


def database(address: str) -> Dict[str, Any]:
    """Django's description of `postgresql://user:password@host:port/name?option=value` or of a SQLite file. Raises ValueError for another scheme."""
    if "://" not in address:
        return {
            "ENGINE": "clinic.sqlite",
            "NAME": address,
            "CONN_MAX_AGE": None,
            "OPTIONS": {
                # A transaction takes the write lock at its start: two that read first and write later would fail each other.
                "transaction_mode": "IMMEDIATE",
                "timeout": 20,
                # FULL: a booking that has been confirmed survives a power cut too.
                "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA secure_delete=ON;",
            },
        }
    parts = urlsplit(address)
    if parts.scheme not in ("postgresql", "postgres"):
        raise ValueError(f"STRIA_CLINIC_DB names {parts.scheme!r}. Use postgresql://… or the path of a SQLite file.")
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path.lstrip("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": unquote(parts.hostname or ""),
        "PORT": str(parts.port or ""),
        "CONN_MAX_AGE": None,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {"connect_timeout": 5, "options": "-c statement_timeout=15000 -c lock_timeout=10000", **dict(parse_qsl(parts.query))},
    }


DATABASES = {"default": database(os.environ.get("STRIA_CLINIC_DB") or str(VAR / "clinic.sqlite3"))}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

USE_TZ = True
TIME_ZONE = "UTC"  # the clinic's own zone is put on for each request, from clinic.yml
USE_I18N = True
LANGUAGE_CODE = "en-gb"

AUTHENTICATION_BACKENDS = ["clinic.logins.LockingBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("UserAttributeSimilarityValidator", "MinimumLengthValidator", "CommonPasswordValidator", "NumericPasswordValidator")
]
AUTH_PASSWORD_VALIDATORS[1]["OPTIONS"] = {"min_length": 12}  # type: ignore[assignment]
LOGIN_URL = "staff_login"
# required: nobody gets past the login without one; offered: only whoever has set one up. On the open internet it is required.
SECOND_FACTOR = os.environ.get("STRIA_SECOND_FACTOR") or ("required" if _HTTPS else "offered")
if SECOND_FACTOR not in ("required", "offered"):
    raise ValueError("STRIA_SECOND_FACTOR is required or offered.")
OTP_TOTP_ISSUER = "Stria staff"

SESSION_COOKIE_NAME = "__Host-staff" if _HTTPS else "staff"
SESSION_COOKIE_AGE = 8 * 3600
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = _HTTPS
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Strict"
CSRF_COOKIE_HTTPONLY = True
SECURE_SSL_REDIRECT = False  # the reverse proxy's work
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if _HTTPS else None
SECURE_HSTS_SECONDS = 31_536_000 if _HTTPS else 0
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"

STATIC_URL = "/static/"
WHITENOISE_USE_FINDERS = True  # served from where they lie: no collecting step that could be forgotten
WHITENOISE_AUTOREFRESH = False

LOGGING_CONFIG = None  # the process that loads us has its own logging

SMTP_HOST = os.environ.get("STRIA_SMTP_HOST", "")
SMTP_PORT = port("STRIA_SMTP_PORT", 587)
SMTP_USER = os.environ.get("STRIA_SMTP_USER", "")
SMTP_PASSWORD = os.environ.get("STRIA_SMTP_PASSWORD", "")
SMTP_SECURITY = os.environ.get("STRIA_SMTP_SECURITY") or "starttls"
if SMTP_SECURITY not in ("starttls", "tls", "none"):
    raise ValueError("STRIA_SMTP_SECURITY is starttls, tls or none.")
MAIL_FROM = os.environ.get("STRIA_MAIL_FROM", "")  # empty: the clinic's e-mail address

# How the bot's conversations are reached: the dotted path of an object with the methods of clinic.conversations.Conversations.
CONVERSATIONS = "channels.staff.CONVERSATIONS"

# Where the patches of the review desk are written.
PATCHES = VAR / "patches"
# What turns messages into vectors, to put unknown questions together: the dotted path of a function without arguments; empty: by their words.
ENCODER = "nlu.encoder.SentenceEncoder"
