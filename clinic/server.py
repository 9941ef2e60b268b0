"""Serves the clinic's site on loopback: `python -m clinic.server`. A reverse proxy brings it to the world."""

import os


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "clinic.settings")
    from clinic import ready

    ready.prepare()
    import uvicorn

    from runtime.settings import log_level, port

    # No access log: addresses hold references.
    uvicorn.run(
        "clinic.asgi:application",
        host="127.0.0.1",
        port=port("STRIA_CLINIC_PORT", 8000),
        access_log=False,
        log_level=log_level().lower(),
        server_header=False,
        lifespan="off",
    )


if __name__ == "__main__":
    main()
