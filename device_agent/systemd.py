"""What systemd is told: ready, alive, stopping. Its protocol is one datagram, so no library is needed."""

import os
import socket
from collections.abc import Mapping


def tell_systemd(message: str, environment: Mapping[str, str] = os.environ) -> bool:
    """Send ``READY=1``, ``WATCHDOG=1`` or ``STOPPING=1``; False where nobody listens."""
    address = environment.get("NOTIFY_SOCKET", "")
    if not address:
        return False
    # A name that starts with @ lies in the abstract name space, which the kernel marks with a zero.
    place = "\0" + address[1:] if address.startswith("@") else address
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
            sender.sendto(message.encode(), place)
    except OSError:
        return False
    return True
