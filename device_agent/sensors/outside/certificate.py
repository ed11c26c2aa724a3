"""How long a certificate is still good: in a file, or shown by a TLS server."""

from pathlib import Path
from typing import Final

from device_agent.errors import SensorError
from device_agent.sensor_settings import CertificateSettings
from device_agent.sensors.outside.expiry import not_after_s
from device_agent.sensors.port import AnySource, Around, SensorDescription, Source

_TIMEOUT_S: Final = 10.0
_CENTURIES_S: Final = 3.2e11
_DAY_S: Final = 86_400.0
_MOST_BYTES: Final = 1 << 20
_BEGIN: Final = b"-----BEGIN CERTIFICATE-----"
_END: Final = b"-----END CERTIFICATE-----"


def sources(settings: CertificateSettings, around: Around) -> list[AnySource]:
    """Read when the certificate ends; what is told is the time left."""
    name = f"certificate/{settings.name}"

    def read() -> float:
        der = _served(settings) if settings.host else _kept(Path(settings.path))
        return not_after_s(der) - around.now()

    rows: tuple[SensorDescription[float], ...] = (
        SensorDescription(f"{name}/left", "s", "counter", (-_CENTURIES_S, _CENTURIES_S), round),
        SensorDescription(
            f"{name}/expiring",
            "",
            "fault",
            (0.0, 1.0),
            lambda left_s: left_s < settings.soon_days * _DAY_S,
        ),
    )
    return [Source(name, settings.period_s, read, rows, 2 * _TIMEOUT_S)]


def _served(settings: CertificateSettings) -> bytes:
    """Give the certificate that the server shows; it is looked at, not trusted."""
    import ssl  # noqa: PLC0415 - only needed here

    pem = ssl.get_server_certificate((settings.host, settings.port), timeout=_TIMEOUT_S)
    return ssl.PEM_cert_to_DER_cert(pem)


def _kept(path: Path) -> bytes:
    with path.open("rb") as file:
        content = file.read(_MOST_BYTES)
    begin = content.find(_BEGIN)
    if begin < 0:
        return content
    end = content.find(_END, begin)
    if end < 0:
        raise SensorError("the certificate is cut off")
    import binascii  # noqa: PLC0415 - only needed here

    return binascii.a2b_base64(content[begin + len(_BEGIN) : end])
