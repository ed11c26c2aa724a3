"""Settings → the flasher for them; what a method needs is loaded only when it is asked for."""

from importlib.util import find_spec

from firmware_bridge.errors import FlasherMissing
from firmware_bridge.flash.port import Flasher
from firmware_bridge.flash.settings import FlashSettings
from firmware_bridge.transport.port import Transport


def build_flasher(settings: FlashSettings) -> Flasher:
    """Make the flasher of a method; raises FlasherMissing, which names the extra or package that has it."""
    if settings.method == "avrdude":
        from firmware_bridge.flash.avrdude import AvrdudeFlasher  # noqa: PLC0415 - see above

        return AvrdudeFlasher(settings)
    if settings.method == "esptool":
        from firmware_bridge.flash.esptool import EsptoolFlasher  # noqa: PLC0415

        return EsptoolFlasher(settings)
    if find_spec("smpclient") is None:
        raise FlasherMissing("smpclient is not installed: the extra flash has it (forewarn[flash])")
    from firmware_bridge.flash.smp import SmpFlasher  # noqa: PLC0415

    def line() -> Transport:
        from firmware_bridge.transport.serial_port import PortSettings, SerialPort  # noqa: PLC0415

        return SerialPort(PortSettings(settings.port, settings.baud, roots=settings.roots))

    return SmpFlasher(settings, line)
