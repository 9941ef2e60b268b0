"""Full-text search over what people wrote, masked: SQLite's FTS5 or PostgreSQL's tsvector."""

import re
from typing import List

from django.db import connection

NEWEST = 3000  # messages that are looked through for the other filters
WINDOW = 100_000  # PostgreSQL looks among so many of the newest first: a frequent word has its 3,000 there, and the rest need not be fetched


def words(query: str) -> List[str]:
    """The words and "quoted phrases" of a query; everything else in it is no syntax to anybody."""
    return [" ".join(re.findall(r"\w+", part)) for part in re.findall(r'"[^"]+"|\S+', query) if re.search(r"\w", part)][:12]


def fts5(query: str) -> str:
    """For FTS5: every word must be there, the last one may be unfinished."""
    found = words(query)
    quoted = [f'"{word}"' for word in found]
    if quoted and " " not in found[-1] and not query.rstrip().endswith('"'):
        quoted[-1] += "*"
    return " ".join(quoted)


def tsquery(query: str) -> str:
    """For PostgreSQL, the same meaning."""
    found = words(query)
    parts = [" <-> ".join(word.split()) for word in found]
    if parts and " " not in found[-1] and not query.rstrip().endswith('"'):
        parts[-1] += ":*"
    return " & ".join(f"({part})" for part in parts)


def talks(query: str) -> List[int]:
    """Sessions with a message that has all the words, of the newest `NEWEST` such messages. Empty for a query without a word."""
    if not words(query):
        return []
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SELECT max(id) FROM review_message")
            newest = cursor.fetchone()[0] or 0
            for after in (newest - WINDOW, 0):
                cursor.execute(
                    "SELECT talk_id FROM review_message WHERE who <> 'bot' AND to_tsvector('simple', text) @@ to_tsquery('simple', %s) AND id > %s "
                    "ORDER BY id DESC LIMIT %s",
                    [tsquery(query), after, NEWEST],
                )
                if cursor.rowcount == NEWEST or after <= 0:
                    break
        else:
            cursor.execute(
                "SELECT m.talk_id FROM (SELECT rowid AS id FROM review_words WHERE review_words MATCH %s ORDER BY rowid DESC LIMIT %s) w "
                "JOIN review_message m ON m.id = w.id",
                [fts5(query), NEWEST],
            )
        return list(dict.fromkeys(row[0] for row in cursor.fetchall()))
