"""Serves the clinic's site, on loopback unless in a container: `python -m clinic.server`. A reverse proxy brings it to the world."""

import os


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "clinic.settings")
    from clinic import ready

    ready.prepare()
    import uvicorn

    from runtime.settings import clinic_port, log_level, private_host

    # No access log: addresses hold references.
    uvicorn.run(
        "clinic.asgi:application",
        host=private_host(),
        port=clinic_port(),
        ws="none",  # the site has no sockets, and Sanic's old `websockets` is not the one that uvicorn would import
        access_log=False,
        log_level=log_level().lower(),
        server_header=False,
        lifespan="off",
    )


if __name__ == "__main__":
    main()
