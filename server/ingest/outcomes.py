"""What became of messages, counted for `/metrics`."""

from __future__ import annotations

from typing import Final

from prometheus_client import Counter

from server.ingest.arrivals import Arrivals

MESSAGES: Final = Counter("forewarn_messages", "Messages processed, by outcome", ["outcome"])


def note_outcomes(messages: int, arrivals: Arrivals) -> None:
    """Of so many messages these are the arrivals; one that was refused in parts counts as refused."""
    MESSAGES.labels("duplicate").inc(arrivals.duplicates)
    MESSAGES.labels("refused").inc(len(arrivals.refusals))
    refused = len({refusal.message.position for refusal in arrivals.refusals})
    MESSAGES.labels("accepted").inc(max(0, messages - arrivals.duplicates - refused))
