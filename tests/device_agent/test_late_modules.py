"""What paho-mqtt is kept from loading, and that it gets it once it asks."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def python(program):
    """Run in an interpreter of its own: here most modules are loaded already."""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_the_agent_starts_without_what_a_plain_connection_does_not_need():
    loaded = python(
        "import sys, device_agent.cli, device_agent.agent, device_agent.sensors.catalogue\n"
        "print(*sys.modules)"
    )
    assert "paho.mqtt.client" in loaded
    unwanted = {"ssl", "urllib.request", "http.client", "email", "hashlib", "subprocess", "cbor2"}
    assert unwanted & set(loaded) == set()


def test_a_stand_in_becomes_the_module_when_asked():
    said = python(
        "import sys\n"
        "from device_agent.link import mqtt\n"
        "print(mqtt.ssl.SSLWantReadError == (), 'ssl' in sys.modules)\n"
        "context = mqtt.ssl.SSLContext\n"
        "import ssl, urllib.request\n"
        "print(context is ssl.SSLContext, mqtt.ssl.SSLWantReadError is ssl.SSLWantReadError)\n"
        "print(mqtt.urllib.request.getproxies is urllib.request.getproxies)\n"
        "print(mqtt.hashlib.sha1(b'').hexdigest()[:6])"
    )
    assert said == ["True", "False", "True", "True", "True", "da39a3"]


def test_others_import_the_module_as_ever():
    said = python(
        "import sys\n"
        "from device_agent.late_modules import late\n"
        "with late('hashlib', 'urllib.request'):\n"
        "    import hashlib as early\n"
        "    from urllib.request import Request\n"
        "import hashlib, urllib.request\n"
        "print(type(early).__name__, type(hashlib).__name__, Request is urllib.request.Request)\n"
        "with late('hashlib'):\n"
        "    import hashlib as again\n"
        "print(again is hashlib)"
    )
    assert said == ["_StandIn", "module", "True", "True"]


def test_names_of_any_script_are_looked_up_as_ever():
    said = python(
        "import sys, socket\n"
        "import device_agent.link\n"
        "socket.getaddrinfo('localhost', 1)\n"
        "print('unicodedata' in sys.modules, 'stringprep' in sys.modules)\n"
        "print('bücher.example'.encode('idna').decode(), 'ǅ.example'.encode('idna').decode())"
    )
    assert said == ["False", "False", "xn--bcher-kva.example", "xn--d-toa.example"]
