"""`python -m clinic COMMAND`: Django's commands and the clinic's own."""

import os
import sys


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "clinic.settings")
    from django.core.management import execute_from_command_line

    execute_from_command_line(["python -m clinic", *sys.argv[1:]])


if __name__ == "__main__":
    main()
