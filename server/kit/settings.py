"""Every setting, its default and its variable: command-line option, `FOREWARN_…`, `forewarn.toml`.

Precedence: option, environment, `forewarn.toml` in the data directory, default.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from server.kit.errors import ConfigurationError

CONFIG_FILE = "forewarn.toml"


class Settings(BaseSettings):
    """One instance per process, made by `load` at the edge and passed in."""

    model_config = SettingsConfigDict(env_prefix="FOREWARN_", extra="forbid", frozen=True)

    data_dir: Path = Field(Path("forewarn-data"), description="all state lies here")
    host: str = Field("127.0.0.1", description="address that the web and MQTT listeners bind to")
    http_port: int = Field(8080, ge=0, le=65535, description="0 takes a free port")
    mqtt_port: int = Field(1883, ge=0, le=65535, description="0 takes a free port")
    public_url: str | None = Field(
        None, description="how people reach the pages, if behind a proxy"
    )
    public_mqtt_url: str | None = Field(
        None, description="how devices reach the broker, if not at this host and mqtt_port"
    )
    mqtt_url: str | None = Field(
        None, description="use this broker, mqtt(s)://user:password@host:port, not the embedded one"
    )
    mqtt_ca_file: Path | None = Field(None, description="whom to trust behind mqtts://")
    mqtt_protocol: Literal["5", "3.1.1"] = Field("5", description="spoken with mqtt_url's broker")
    mqtt_share_workers: int = Field(
        1, ge=1, le=64, description="connections that share what that broker has for us ($share)"
    )
    topic_map: Path | None = Field(
        None, description="whose foreign topics are; default: topics.toml in the data dir"
    )
    mosquitto_dir: Path | None = Field(
        None, description="Mosquitto's password file and access list are kept current here"
    )
    database_url: str | None = Field(None, description="records; default: SQLite in the data dir")
    nats_url: str | None = Field(
        None, description="nodes of a broker for many machines, nats://host:4222,nats://…"
    )
    nats_keys: Path | None = Field(
        None, description="folder of the keys for them; default: nats/keys in the data dir"
    )
    nats_replicas: int = Field(3, ge=1, le=5, description="nodes that hold each message")
    partitions: int = Field(
        16, ge=1, le=1024, description="parts that devices are cut into, to share among pipelines"
    )
    lease_s: float = Field(
        5.0, ge=2, le=60, description="work of a process that is gone is taken over after so long"
    )
    development: bool = Field(False, description="adds /styleguide and template auto-reload")
    log_level: str = Field("info", pattern="^(debug|info|warning|error)$")

    stream_max_age_days: float = Field(7, gt=0, description="how long the broker keeps messages")
    stream_max_bytes: int = Field(8 * 2**30, ge=2**20, description="and how many bytes of them")
    telemetry_url: str | None = Field(
        None,
        description="store of samples, victoriametrics+http://127.0.0.1:8428 or "
        "influxdb+http://127.0.0.1:8086?org=O&bucket=B; default: DuckDB in the data dir",
    )
    telemetry_token: str | None = Field(
        None, description="for InfluxDB: reads and writes the bucket"
    )
    telemetry_retention_days: float = Field(
        365, gt=0, le=36_500, description="raw samples are kept so long"
    )
    telemetry_retention: dict[str, Annotated[float, Field(gt=0, le=36_500)]] = Field(
        default_factory=dict,
        description="metric or pattern = days, where it differs; the first that fits decides",
    )
    telemetry_minutes_retention_days: float = Field(
        730, gt=0, le=36_500, description="one-minute rollups are kept so long; hours and days stay"
    )

    batch_messages: int = Field(512, ge=1, le=10_000, description="messages a pipeline batch")
    checkpoint_interval_s: float = Field(2.0, gt=0, description="detector state is saved so often")
    future_tolerance_s: float = Field(600, ge=0, description="samples further ahead are refused")
    silence_tick_s: float = Field(5.0, gt=0, description="how often silence is looked for")

    device_samples_per_s: float = Field(
        20_000,
        ge=0,
        description="one device's share; who sends more for a minute is shown out; 0: no limit",
    )

    recovery_watch_s: float = Field(
        900, ge=0, description="a recovered incident is watched so long"
    )
    sla_hours: float = Field(24, gt=0, description="a ticket's due date, hours after it opened")
    sla_warning_share: float = Field(
        0.75, gt=0, lt=1, description="share of the SLA after which a delay is announced"
    )
    false_alarms_per_device_day: float = Field(
        1 / 90, gt=0, le=10, description="budget of the detectors"
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Options and environment only: `load` merges the file, whose place is itself a setting."""
        return init_settings, env_settings


def load(**options: Any) -> Settings:
    """Settings from given options (None = not given), environment and file.

    Raises ConfigurationError naming the key, where it was set, and what is accepted.
    """
    given = {key: value for key, value in options.items() if value is not None}
    try:
        base = Settings(**given)
        from_file = _read_file(base.data_dir / CONFIG_FILE)
        unset = {k: v for k, v in from_file.items() if k not in base.model_fields_set}
        return Settings(**unset, **given) if unset else base
    except ValidationError as error:
        raise ConfigurationError(_explain(error)) from error


def _read_file(file: Path) -> dict[str, Any]:
    try:
        found = tomllib.loads(file.read_text("utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return {}  # no file, or no data directory: whoever prepares that says so
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigurationError(f"{file}: {error}") from error
    unknown = sorted(set(found) - set(Settings.model_fields))
    if unknown:
        raise ConfigurationError(
            f"{file}: unknown key {', '.join(map(repr, unknown))}; "
            f"known keys: {', '.join(sorted(Settings.model_fields))}"
        )
    return found


def _explain(error: ValidationError) -> str:
    lines = []
    for problem in error.errors():
        name = ".".join(map(str, problem["loc"]))
        lines.append(f"{name}: {problem['msg']} (given: {problem['input']!r})")
    return "; ".join(lines)
