"""What Prometheus reads at /metrics: counts and times only, nothing of what anybody said and no id of anybody."""

from typing import Any, Sequence

from prometheus_client import Counter, Gauge, Histogram

_SECONDS = (0.01, 0.02, 0.03, 0.05, 0.08, 0.12, 0.2, 0.4, 0.8, 1.5, 3, 8, 20)
TURNS = Counter("stria_turns", "Turns by channel and outcome (answered, repeated, refused, failed, busy)", ["channel", "outcome"])
LATENCY = Histogram("stria_turn_seconds", "Seconds from a verified message to its stored answer", ["channel"], buckets=_SECONDS)
FALLBACKS = Counter("stria_fallbacks", "Turns in which the assistant did not understand")
ERRORS = Counter("stria_errors", "Warnings and errors logged, by the part that logged them", ["part"])
WAITING = Gauge("stria_waiting_turns", "Turns that run or wait in this process")
SENT = Counter("stria_sent", "Messages to the platforms by channel and outcome (sent, put off, refused, undelivered)", ["channel", "outcome"])
_UNSURE = {"action_clarify", "action_default_fallback"}


def count_events(new: Sequence[Any]) -> None:
    """Observer of the tracker store: counts what a turn's stored events tell."""
    if any(getattr(event, "type_name", "") == "action" and event.action_name in _UNSURE for event in new):
        FALLBACKS.inc()
