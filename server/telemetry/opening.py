"""Which store stands behind the port, by the setting `telemetry_url`.

(empty)                                    the DuckDB file in the data directory
victoriametrics+http://host:8428           also +https, user:password@, ?measurement=NAME
influxdb+http://host:8086?org=O&bucket=B   with telemetry_token; also +https, &measurement=NAME
"""

from __future__ import annotations

from pathlib import Path
from typing import Final
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

from server.kit.errors import ConfigurationError
from server.kit.settings import Settings
from server.telemetry.influx_place import InfluxPlace
from server.telemetry.remote import RemoteTelemetryStore
from server.telemetry.retention import Retention
from server.telemetry.store import TelemetryStore

KINDS: Final = ("victoriametrics", "influxdb")


def open_store(settings: Settings, file: Path) -> TelemetryStore:
    """The store of the settings; `file` is where the embedded one lies.

    A store on a server is not talked to before it is used: it may come up later than we do. Raises
    ConfigurationError for an address that names none.
    """
    if not settings.telemetry_url:
        from server.telemetry.duckdb import DuckDbTelemetryStore  # noqa: PLC0415 - heavy, if not used

        return DuckDbTelemetryStore(file, retention_of(settings))
    return open_remote(
        settings.telemetry_url,
        kept_days=settings.telemetry_retention_days,
        token=settings.telemetry_token,
    )


def retention_of(settings: Settings) -> Retention:
    return Retention(
        days=settings.telemetry_retention_days,
        by_metric=settings.telemetry_retention,
        minutes_days=settings.telemetry_minutes_retention_days,
    )


def open_remote(url: str, *, kept_days: float = 0.0, token: str | None = None) -> TelemetryStore:
    """The store at `url`; raises ConfigurationError, which never repeats a password."""
    parts, kind = _split(url)
    options = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    if kind == "victoriametrics":
        return _victoriametrics(parts, options, kept_days)
    if kind == "influxdb":
        return _influxdb(influx_place(url, token), kept_days)
    raise ConfigurationError(
        f"telemetry_url: {kind!r} is no store; write one of "
        + ", ".join(f"{name}+http://…" for name in KINDS)
    )


def influx_place(url: str, token: str | None) -> InfluxPlace:
    """Where in InfluxDB the address points. Raises ConfigurationError."""
    parts, kind = _split(url)
    options = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    if kind != "influxdb":
        raise ConfigurationError("telemetry_url: does not point to an InfluxDB")
    org, bucket = options.pop("org", ""), options.pop("bucket", "")
    measurement = options.pop("measurement", "forewarn")
    _nothing_left(options)
    if not org or not bucket:
        raise ConfigurationError("telemetry_url: InfluxDB needs ?org=ORG&bucket=BUCKET")
    if not token:
        raise ConfigurationError(
            "telemetry_token: InfluxDB needs one that may read and write the bucket"
        )
    return InfluxPlace(_address(parts), org, bucket, token, measurement)


def _influxdb(place: InfluxPlace, kept_days: float) -> TelemetryStore:
    from server.telemetry.influxdb import InfluxDb  # noqa: PLC0415 - heavy, if not used

    return RemoteTelemetryStore(InfluxDb(place, kept_days=kept_days))


def _victoriametrics(
    parts: SplitResult, options: dict[str, str], kept_days: float
) -> TelemetryStore:
    from server.telemetry.victoria_http import VictoriaHttp  # noqa: PLC0415 - as above
    from server.telemetry.victoriametrics import VictoriaMetrics  # noqa: PLC0415

    measurement = options.pop("measurement", "forewarn")
    if not measurement.isidentifier():
        raise ConfigurationError("telemetry_url: measurement= takes letters, digits and _")
    _nothing_left(options)
    auth = f"{unquote(parts.username)}:{unquote(parts.password or '')}" if parts.username else None
    backend = VictoriaMetrics(
        VictoriaHttp(_address(parts), auth=auth), measurement=measurement, kept_days=kept_days
    )
    return RemoteTelemetryStore(backend)


def _split(url: str) -> tuple[SplitResult, str]:
    try:
        parts = urlsplit(url)
        kind, plus, scheme = parts.scheme.partition("+")
        has_port = parts.port is None or parts.port > 0
    except ValueError as error:
        raise ConfigurationError(f"telemetry_url: not an address: {error}") from error
    if not plus or scheme not in {"http", "https"} or not parts.hostname or not has_port:
        raise ConfigurationError(
            "telemetry_url: write STORE+http://HOST:PORT, e.g. victoriametrics+http://127.0.0.1:8428"
        )
    return parts._replace(scheme=scheme), kind


def _address(parts: SplitResult) -> str:
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    port = f":{parts.port}" if parts.port else ""
    return f"{parts.scheme}://{host}{port}{parts.path}"


def _nothing_left(options: dict[str, str]) -> None:
    if options:
        raise ConfigurationError(f"telemetry_url: unknown option {', '.join(sorted(options))}")
