"""How readings reach the broker: settings of packs, spool and link."""

from dataclasses import dataclass

from device_agent.proxy import proxy_fault
from device_agent.setting import setting


@dataclass(frozen=True, slots=True)
class BrokerSettings:
    """Where readings go."""

    host: str = setting("localhost", "name or address of the MQTT broker", pattern=r"\S+")
    port: int = setting(1883, "8883 is usual with TLS", low=1, high=65_535)
    username: str = setting("", "empty: the device id")
    password: str = setting("", "empty: see password_file", secret=True)
    password_file: str = setting("", "file whose first line is the password")
    tls: bool = setting(default=False, help_text="encrypt, and check the broker's certificate")
    ca_file: str = setting("", "certificate authority of the broker; empty: the system's")
    keepalive_s: int = setting(30, "seconds of quiet before a ping", low=5, high=3600)
    max_inflight: int = setting(64, "messages on their way at once", low=1, high=1000)
    protocol: str = setting("3.1.1", "version of MQTT", choices=("3.1.1", "5"))
    transport: str = setting("tcp", "websockets pass most firewalls", choices=("tcp", "websockets"))
    websocket_path: str = setting("/mqtt", "path of the WebSocket", pattern=r"/\S*")
    cert_file: str = setting("", "this device's certificate; empty: none")
    key_file: str = setting("", "its private key")
    proxy: str = setting(
        "",
        "socks5://host:port, socks4:// or http://, user:password@ before the host; needs PySocks",
        check=proxy_fault,
        secret=True,
    )
    home_assistant: bool = setting(
        default=False, help_text="announce the sensors to a Home Assistant on the same broker"
    )
    home_assistant_prefix: str = setting(
        "homeassistant", "its discovery prefix", pattern=r"[A-Za-z0-9_/-]{1,64}"
    )


@dataclass(frozen=True, slots=True)
class SpoolSettings:
    """Where readings wait until the broker has acknowledged them."""

    directory: str = setting("/var/lib/forewarn-agent", "created if missing", pattern=r".+")
    quota_bytes: int = setting(
        100_000_000,
        "beyond this old readings are thinned out, then dropped, and counted",
        low=10_000,
    )
    keep_days: float = setting(30.0, "nothing waits longer", low=0.01, high=3650.0)
    flush_s: float = setting(
        10.0, "what a power cut may cost, where ram_directory is; else 0", low=0.0, high=3600.0
    )
    ram_directory: str = setting(
        "", "RAM disk for what is younger than flush_s; empty: systemd's $RUNTIME_DIRECTORY"
    )
    backlog_per_s: float = setting(
        100.0, "messages a second sent of what waited for the broker", low=0.1, high=10_000.0
    )
    in_order_within_s: float = setting(
        900.0, "a longer backlog goes beside live readings, not before them", low=0.0, high=86_400.0
    )


@dataclass(frozen=True, slots=True)
class ChangeSettings:
    """Readings that are sent only when they change; the first rule that fits a metric counts."""

    metrics: str = setting(
        "*", "names, with * for anything", pattern=r"[a-z0-9_./*-]{1,128}", example="temperature/*"
    )
    dead_band: float = setting(0.0, "smaller changes are not sent", low=0.0, example=0.2)
    heartbeat_s: float = setting(300.0, "but at least so often", low=0.1, high=86_400.0)


@dataclass(frozen=True, slots=True)
class PackSettings:
    """When readings are closed into one message."""

    max_age_s: float = setting(1.0, "seconds that a reading may wait", low=0.0, high=3600.0)
    max_records: int = setting(500, "readings in one message", low=1, high=20_000)
    max_bytes: int = setting(60_000, "rough size of one message", low=200, high=1_000_000)
    offline_age_s: float = setting(10.0, "the same while there is no link", low=0.0, high=3600.0)
    form: str = setting(
        "json", "cbor is a fifth smaller, but not deflated", choices=("json", "cbor")
    )
    deflate: bool = setting(default=True, help_text="a fifth of the bytes, unreadable on the way")
    on_change: tuple[ChangeSettings, ...] = setting((), "send some readings only when they change")
