"""What the database itself does for the review desk: the list of looks is only ever added to, and the search index follows the messages.

Installed by a migration and again after every `migrate`, because SQLite drops a table's triggers whenever Django rebuilds the table.
"""

from typing import Any

_SQLITE = [
    "CREATE VIRTUAL TABLE IF NOT EXISTS review_words USING fts5(text, content='review_message', content_rowid='id', tokenize='unicode61 remove_diacritics 2')",
    "DROP TRIGGER IF EXISTS review_words_insert",
    "CREATE TRIGGER review_words_insert AFTER INSERT ON review_message WHEN NEW.who <> 'bot' "
    "BEGIN INSERT INTO review_words(rowid, text) VALUES (NEW.id, NEW.text); END",
    "DROP TRIGGER IF EXISTS review_words_delete",
    "CREATE TRIGGER review_words_delete AFTER DELETE ON review_message WHEN OLD.who <> 'bot' "
    "BEGIN INSERT INTO review_words(review_words, rowid, text) VALUES ('delete', OLD.id, OLD.text); END",
    "DROP TRIGGER IF EXISTS review_words_update",
    "CREATE TRIGGER review_words_update AFTER UPDATE OF text ON review_message WHEN OLD.who <> 'bot' "
    "BEGIN INSERT INTO review_words(review_words, rowid, text) VALUES ('delete', OLD.id, OLD.text); "
    "INSERT INTO review_words(rowid, text) VALUES (NEW.id, NEW.text); END",
    "DROP TRIGGER IF EXISTS review_access_update",
    "CREATE TRIGGER review_access_update BEFORE UPDATE ON review_access BEGIN SELECT RAISE(ABORT, 'the list of looks is only ever added to'); END",
    "DROP TRIGGER IF EXISTS review_access_delete",
    "CREATE TRIGGER review_access_delete BEFORE DELETE ON review_access WHEN NOT clinic_emptying() "
    "BEGIN SELECT RAISE(ABORT, 'the list of looks is only ever added to'); END",
]
_POSTGRES = """
CREATE INDEX IF NOT EXISTS review_message_words ON review_message USING gin (to_tsvector('simple', text)) WHERE who <> 'bot';
DROP TRIGGER IF EXISTS review_access_rows ON review_access;
CREATE TRIGGER review_access_rows BEFORE UPDATE OR DELETE ON review_access FOR EACH ROW EXECUTE FUNCTION clinic_history_refuse();
DROP TRIGGER IF EXISTS review_access_all ON review_access;
CREATE TRIGGER review_access_all BEFORE TRUNCATE ON review_access FOR EACH STATEMENT EXECUTE FUNCTION clinic_history_refuse();
"""


def install(connection: Any) -> None:
    """Put them in place; safe to repeat. The records' own guards must be there."""
    with connection.cursor() as cursor:
        for statement in [_POSTGRES] if connection.vendor == "postgresql" else _SQLITE:
            cursor.execute(statement)


def overwrite(connection: Any) -> None:
    """After an erasure: SQLite's search index would keep deleted words in its older parts until they are merged."""
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("INSERT INTO review_words(review_words) VALUES ('optimize')")
