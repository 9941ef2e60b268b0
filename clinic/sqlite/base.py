"""A connection to a deleted file goes on writing where nobody will ever read: appointments would be promised and lost. Named in `clinic.settings`."""

import os
from contextlib import suppress
from typing import Any, Optional, Tuple

from django.db.backends.sqlite3 import base


class DatabaseWrapper(base.DatabaseWrapper):
    """Makes a new file for its owner alone, and notices with each request or piece of work whether it is still the same file."""

    _opened: Optional[Tuple[int, int]] = None

    def _there(self) -> Optional[Tuple[int, int]]:
        try:
            found = os.stat(self.settings_dict["NAME"])  # noqa: PTH116  # before every piece of work: Path would cost as much as the call
        except OSError:
            return None
        return found.st_dev, found.st_ino

    def get_new_connection(self, conn_params: Any) -> Any:
        with suppress(OSError):  # it is there already, or SQLite says what is wrong; the log beside it gets the same rights
            os.close(os.open(self.settings_dict["NAME"], os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        connection = super().get_new_connection(conn_params)
        self._opened = self._there()
        return connection

    def close_if_unusable_or_obsolete(self) -> None:
        if self.connection is not None and not self.in_atomic_block and self._there() != self._opened:
            from clinic import ready

            self.close()
            ready.again()
        super().close_if_unusable_or_obsolete()
