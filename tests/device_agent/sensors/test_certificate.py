"""The end of a certificate, from a file and from a server that shows it."""

import contextlib
import shutil
import socket
import ssl
import subprocess
import threading
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device_agent.errors import SensorError
from device_agent.sensor_settings import CertificateSettings
from device_agent.sensors.outside import certificate
from device_agent.sensors.outside.expiry import not_after_s

pytestmark = pytest.mark.skipif(
    shutil.which("openssl") is None, reason="openssl makes the certificates"
)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Certificates by number of days; each is checked against the standard library's own reader."""
    folder = tmp_path_factory.mktemp("certificates")

    def make(days):
        path = folder / f"{days}.pem"
        if not path.exists():
            subprocess.run(
                ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", str(days), "-subj", "/CN=localhost",
                 "-keyout", folder / f"{days}.key", "-out", path],
                check=True, capture_output=True,
            )  # fmt: skip
        return path

    return make


# Beyond 2049 the time is written in another form.
@pytest.mark.parametrize("days", [1, 400, 20_000])
def test_the_end_is_what_the_standard_library_reads(made, days):
    pem = made(days).read_text()
    wanted = ssl._ssl._test_decode_cert(str(made(days)))["notAfter"]
    assert not_after_s(ssl.PEM_cert_to_DER_cert(pem)) == ssl.cert_time_to_seconds(wanted)


@given(st.data())
def test_a_certificate_with_any_damage_gives_a_moment_or_the_one_error(made, data):
    der = bytearray(ssl.PEM_cert_to_DER_cert(made(1).read_text()))
    for _ in range(data.draw(st.integers(1, 4))):
        der[data.draw(st.integers(0, 200))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(der)))
    try:
        found = not_after_s(bytes(der[:cut]))
    except SensorError:
        found = 0.0
    assert found < datetime(9999, 12, 31, 23, 59, 59, 999, tzinfo=UTC).timestamp()


@given(st.binary(max_size=300))
def test_any_bytes_give_the_one_error(raw):
    with pytest.raises(SensorError):
        not_after_s(raw)


def left(machine, **how):
    return machine.values(certificate.sources(CertificateSettings(name="c", **how), machine.around))


def test_time_left_from_pem_and_der(machine, made, tmp_path):
    pem = made(400)
    der = tmp_path / "c.der"
    der.write_bytes(ssl.PEM_cert_to_DER_cert(pem.read_text()))
    end_s = not_after_s(der.read_bytes())
    machine.clock.s = end_s - 1.7e9 - 86_400 * 20.5
    for path in (pem, der):
        assert left(machine, path=str(path)) == {
            "certificate/c/left": 86_400 * 20.5,
            "certificate/c/expiring": True,
        }
    assert left(machine, path=str(pem), soon_days=20.0)["certificate/c/expiring"] is False


@pytest.mark.parametrize("content", [b"", b"-----BEGIN CERTIFICATE-----\nAAAA", b"hello"])
def test_a_file_without_one_is_stale(machine, tmp_path, content):
    path = tmp_path / "c"
    path.write_bytes(content)
    sources = certificate.sources(CertificateSettings(name="c", path=str(path)), machine.around)
    assert machine.faults(sources).keys() == {"certificate/c/left", "certificate/c/expiring"}


def test_a_server_is_asked_for_its_certificate(machine, made):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(made(400), made(400).with_suffix(".key"))

    def serve(listening):
        with contextlib.suppress(OSError):
            connection, _ = listening.accept()
            with context.wrap_socket(connection, server_side=True):
                pass

    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(20)
        thread = threading.Thread(target=serve, args=(listening,))
        thread.start()
        found = left(machine, host="127.0.0.1", port=listening.getsockname()[1])
        thread.join()
    end_s = not_after_s(ssl.PEM_cert_to_DER_cert(made(400).read_text()))
    assert found["certificate/c/left"] == round(end_s - 1.7e9 - 1000)
