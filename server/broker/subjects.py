"""MQTT topics as NATS subjects and back: nats-server's own translation (2.10 and later).

A `/` between levels becomes `.`; an empty level is written as `/`; a `.` of the topic becomes `//`.
Topics with spaces have no subject: nats-server closes the connection that uses one.
"""

from __future__ import annotations

from typing import Final

_WILDCARDS: Final = {"+": "*", "#": ">"}


def subject_of(topic: str) -> str:
    """The subject of a topic, or of a topic filter.

    >>> subject_of("spBv1.0/plant/NCMD/edge-1"), subject_of("tele/+/#"), subject_of("/a//b")
    ('spBv1//0.plant.NCMD.edge-1', 'tele.*.>', '/.a./.b')
    """
    levels = topic.split("/")
    return ".".join(_WILDCARDS.get(level) or level.replace(".", "//") or "/" for level in levels)


def topic_of(subject: str) -> str:
    """The topic that nats-server received.

    >>> topic_of("spBv1//0.plant.NCMD.edge-1"), topic_of("/.a./.b")
    ('spBv1.0/plant/NCMD/edge-1', '/a//b')
    """
    if "/" not in subject:
        return subject.replace(".", "/")
    levels = subject.split(".")
    return "/".join("" if level == "/" else level.replace("//", ".") for level in levels)
