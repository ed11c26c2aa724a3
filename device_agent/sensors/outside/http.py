"""A number that a web server in reach gives: meters, inverters, other gateways."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from device_agent.errors import SensorError
from device_agent.sensor_settings import HttpSettings
from device_agent.sensors.outside.found_number import MAX_TEXT_BYTES, description, finder
from device_agent.sensors.port import AnySource, Around, Source, Value

_PIECE_BYTES: Final = 16_384


def sources(settings: HttpSettings, around: Around) -> list[AnySource]:
    """Ask the server and read the number in its answer, times its scale."""
    find = finder(settings)

    def read() -> Value:
        return find(_fetch(settings, around.monotonic))

    row = description(settings, "http")
    return [Source(settings.name, settings.period_s, read, (row,), settings.timeout_s + 2)]


def _fetch(settings: HttpSettings, monotonic: Callable[[], float]) -> bytes:
    """Give the body; raises SensorError for one that is too long or too slow, OSError for the rest."""
    import ssl  # noqa: PLC0415 - heavy, and needed by this source only
    import urllib.request  # noqa: PLC0415
    from urllib.error import HTTPError  # noqa: PLC0415

    headers = {"Accept": "application/json, text/plain;q=0.9, */*;q=0.1"}
    if settings.token_file:
        token = Path(settings.token_file).read_text(encoding="ascii").split("\n", 1)[0].strip()
        headers["Authorization"] = f"Bearer {token}"
    request = urllib.request.Request(settings.url, headers=headers)  # noqa: S310 - http(s) by its pattern
    context = ssl.create_default_context(cafile=settings.ca_file or None)
    opener = urllib.request.build_opener(
        urllib.request.HTTPSHandler(context=context), _stay_here(urllib.request)
    )
    end_s = monotonic() + settings.timeout_s
    try:
        with opener.open(request, timeout=settings.timeout_s) as answer:
            return _body(answer, settings, end_s, monotonic)
    except HTTPError as error:
        with error:
            said = "sends us elsewhere: give the final address" if error.code < 400 else "says"
            raise SensorError(f"the server {said} ({error.code})") from None


def _body(
    answer: Any, settings: HttpSettings, end_s: float, monotonic: Callable[[], float]
) -> bytes:
    body = b""
    while piece := answer.read1(_PIECE_BYTES):
        body += piece
        if len(body) > MAX_TEXT_BYTES:
            raise SensorError(f"answer is longer than {MAX_TEXT_BYTES} bytes")
        if monotonic() > end_s:
            raise SensorError(f"no whole answer within {settings.timeout_s:g} s")
    return body


def _stay_here(request_module: Any) -> Any:
    """Follow no redirection: it could carry the token to another host, or read a local file."""

    class StayHere(request_module.HTTPRedirectHandler):  # type: ignore[misc]
        def redirect_request(self, *_args: object) -> None:
            return None

    return StayHere()
