"""SMP over one of our lines: smpclient's requests in the console framing, with our lock and our names for ports."""

import asyncio
from typing import Final

from smp import packet
from smp.exceptions import SMPException
from smpclient.transport import SMPTransport

from firmware_bridge.transport.port import Transport

_LOOK_S: Final = 0.02
_FRAME_OVERHEAD_BYTES: Final = 4
_UNTOLD_BYTES: Final = 256
"""Buffer of a server that does not tell its own: Zephyr's smallest."""
_MAX_LINE_BYTES: Final = 4096
_ODD_DATA: Final = (SMPException, ValueError)


class SmpLine(SMPTransport):
    """smpclient's transport over our port. Raises what the line raises; silence is smpclient's to time."""

    def __init__(self, line: Transport) -> None:
        self._line = line
        self._heard = bytearray()
        self._buffer_bytes = _UNTOLD_BYTES

    async def connect(self, address: str, timeout_s: float) -> None:
        """Take the line."""
        self._heard.clear()
        self._line.open()

    async def disconnect(self) -> None:
        """Let the line go."""
        self._line.close()

    async def send(self, data: bytes) -> None:
        """Send one message, cut into console lines. An answer that came too late is forgotten."""
        self._heard.clear()
        for piece in packet.encode(data):
            self._line.write(piece)

    async def receive(self) -> bytes:
        """Wait for one whole message; what is no part of one (log lines of the target) is passed over."""
        while True:
            decoder = packet.decode()
            next(decoder)
            try:
                while True:
                    decoder.send(await self._piece())
            except StopIteration as whole:
                return bytes(whole.value)
            except _ODD_DATA:
                continue

    async def send_and_receive(self, data: bytes) -> bytes:
        """Ask and wait for the answer."""
        await self.send(data)
        return await self.receive()

    def initialize(self, smp_server_transport_buffer_size: int) -> None:
        """Take the server's word for its buffer."""
        self._buffer_bytes = max(64, min(smp_server_transport_buffer_size, 0xFFFF))

    @property
    def mtu(self) -> int:
        """The server's buffer, in bytes."""
        return self._buffer_bytes

    @property
    def max_unencoded_size(self) -> int:
        """Largest message: length and check sum share the buffer."""
        return self._buffer_bytes - _FRAME_OVERHEAD_BYTES

    async def _piece(self) -> bytes:
        """Give the next line that is part of a message."""
        while True:
            while (end := self._heard.find(b"\n")) >= 0:
                line = bytes(self._heard[: end + 1])
                del self._heard[: end + 1]
                # A prompt without a newline may stand before it.
                for mark in (packet.START_DELIMITER, packet.CONTINUE_DELIMITER):
                    if (at := line.find(mark)) >= 0:
                        return line[at:]
            del self._heard[:-_MAX_LINE_BYTES]
            self._heard += self._line.read(_LOOK_S)
            await asyncio.sleep(0)
