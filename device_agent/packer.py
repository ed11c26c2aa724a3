"""Collects readings and closes them into packs by age, number and size.

While there is no link, nobody waits for a reading: packs grow older then, which makes them fewer,
smaller in sum and quicker to send later.
"""

from collections.abc import Callable, Iterable
from typing import Literal

from device_agent.delivery_settings import PackSettings
from device_agent.packer_changes import ChangeFilter
from device_agent.sampler import Reading
from device_agent.wire import Pack, TextReading, encode_pack

# Labels, digits of value and time, punctuation: what a JSON record takes beside its name.
_RECORD_BYTES = 45


class Packer:
    """Makes the packs of one run of the agent: ``boot`` names the run, ``seq`` counts its packs."""

    def __init__(
        self,
        settings: PackSettings,
        *,
        device_id: str,
        boot: str,
        monotonic: Callable[[], float],
        is_online: Callable[[], bool] = lambda: True,
    ) -> None:
        self._settings = settings
        self._device_id = device_id
        self._boot = boot
        self._monotonic = monotonic
        self._form: Literal["json", "cbor"] = "cbor" if settings.form == "cbor" else "json"
        self._is_online = is_online
        self._changes = ChangeFilter(settings.on_change, monotonic=monotonic)
        self._seq = 0
        self._waiting: list[Reading] = []
        self._bytes = 0
        self._opened_s = 0.0

    def add(self, readings: Iterable[Reading]) -> list[bytes]:
        """Take readings; give the packs that are full now."""
        full: list[bytes] = []
        for reading in self._changes.pass_on(readings):
            size = _RECORD_BYTES + len(reading.name)
            size += len(reading.value) * 2 if isinstance(reading.value, str) else 0
            if self._waiting and self._bytes + size > self._settings.max_bytes:
                full += self.close()
            if not self._waiting:
                self._opened_s = self._monotonic()
            self._waiting.append(reading)
            self._bytes += size
            if len(self._waiting) >= self._settings.max_records:
                full += self.close()
        return full

    def close_if_old(self) -> list[bytes]:
        """Give the open pack once its first reading has waited long enough."""
        return self.close() if self._waiting and self.wait_s() <= 0.0 else []

    def close(self) -> list[bytes]:
        """Give the open pack, if there is anything in it."""
        if not self._waiting:
            return []
        readings, self._waiting, self._bytes = self._waiting, [], 0
        pack = _pack(readings, self._boot, self._seq)
        self._seq += 1
        return [
            encode_pack(
                pack,
                device_id=self._device_id,
                form=self._form,
                deflated=self._settings.deflate,
            )
        ]

    def wait_s(self) -> float:
        """Give the seconds until the open pack is old enough; infinite while there is none."""
        if not self._waiting:
            return float("inf")
        age_s = self._settings.max_age_s
        if not self._is_online():
            age_s = max(age_s, self._settings.offline_age_s)
        return self._opened_s + age_s - self._monotonic()


def _pack(readings: list[Reading], boot: str, seq: int) -> Pack:
    pack = Pack(boot, seq, [], [], [], [], [])
    for reading in readings:
        if isinstance(reading.value, str):
            pack.texts.append(TextReading(reading.name, reading.time_s, reading.value))
            continue
        pack.names.append(reading.name)
        pack.times_s.append(reading.time_s)
        pack.values.append(reading.value)
        pack.units.append(reading.unit)
    return pack
