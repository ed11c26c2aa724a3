"""Where in which InfluxDB samples lie."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class InfluxPlace:
    """`url` without path; `token` may read and write `bucket` of `org`."""

    url: str
    org: str
    bucket: str
    token: str
    measurement: str = "forewarn"
