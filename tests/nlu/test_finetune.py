"""What the encoder learns from: single messages, parts of them, and several messages joined into one."""

import numpy as np
import pytest

from nlu.finetune import JOINED, Row, rows_of

START, END, JOINT = 101, 102, 7
MESSAGES = [[START, *range(1000 + 10 * i, 1000 + 10 * i + size), END] for i, size in enumerate([2, 3, 5, 8, 9, 30] * 20)]
LABELS = [i % 4 for i in range(len(MESSAGES))]
TOPICS = np.array([i % 3 - 1 for i in range(len(MESSAGES))])


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    return rows_of(MESSAGES, LABELS, [[JOINT]], TOPICS, np.random.RandomState(0))


def test_every_message_by_itself_comes_first(rows: list[Row]) -> None:
    assert [row.ids for row in rows[: len(MESSAGES)]] == MESSAGES
    assert all(row.pools[0] == (0, len(row.ids), {label: 1.0}, 1.0) for row, label in zip(rows, LABELS))


def test_a_part_lies_inside_its_message(rows: list[Row]) -> None:
    parts = [(row, pool) for row in rows[: len(MESSAGES)] for pool in row.pools[1:]]
    assert parts
    assert all(1 <= first < end <= len(row.ids) - 1 for row, (first, end, _, _) in parts)


def test_joined_rows_are_whole_messages_with_their_intents(rows: list[Row]) -> None:
    joined = rows[len(MESSAGES) :]
    assert len(joined) == int(JOINED * len(MESSAGES))
    inside = {tuple(ids[1:-1]): label for ids, label in zip(MESSAGES, LABELS)}
    for row in joined:
        assert (row.ids[0], row.ids[-1]) == (START, END)
        (_, _, shares, _), *spans = row.pools
        assert sum(shares.values()) == pytest.approx(1.0)
        assert 2 <= len(spans) <= 4
        for first, end, target, _ in spans:
            part = tuple(token for token in row.ids[first:end] if token != JOINT)
            assert target == {inside[part]: 1.0}


def test_what_is_said_in_passing_is_never_joined(rows: list[Row]) -> None:
    never = {MESSAGES[i][1] for i in np.flatnonzero(TOPICS < 0)}
    assert not any(never & set(row.ids) for row in rows[len(MESSAGES) :])
