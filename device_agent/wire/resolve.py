"""SenML records with base fields → absolute, flat readings (RFC 8428 §4.6).

:meth:`Resolver.add` is the rule, one record at a time. :meth:`Resolver.add_columns` is the same
rule for many plain records at once; where anything is unusual it declines, and the caller takes
the slow way, which knows the exact record at fault.
"""

import math
from functools import lru_cache
from typing import Any, Final, NamedTuple

import msgspec

from device_agent.wire.errors import WireError
from device_agent.wire.pack import (
    ABSOLUTE_FROM_S,
    LATEST_S,
    MAX_SEQ,
    Pack,
    TextReading,
)
from device_agent.wire.text import check_metric, check_text, check_token, check_unit

# Room for a URN around the longest device id and metric; also bounds what the cache can hold.
_MAX_BASE_NAME_CHARS: Final = 512


class Record(msgspec.Struct, gc=False):
    """One SenML record as written; None: the label is absent."""

    bn: str | None = None
    bt: float | None = None
    bu: str | None = None
    bv: float | None = None
    bver: int | None = None
    boot: str | None = None
    seq: int | None = None
    n: str | None = None
    u: str | None = None
    v: float | None = None
    vb: bool | None = None
    vs: str | None = None
    vd: Any = None
    s: float | None = None
    t: float | None = None
    ut: float | None = None


class Plain(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    """The record nearly all packs are made of after their first."""

    n: str
    u: str = ""
    v: float = math.nan
    t: float = 0.0


class Columns(NamedTuple):
    """Plain records as parallel lists, as written: before the base fields; no unit is ``""``."""

    names: list[str]
    times: list[float]
    values: list[float]
    units: list[str]


class Resolver:
    """Holds the base fields in force and collects readings; one per pack."""

    __slots__ = (
        "_bare", "_boot", "_bt", "_bu", "_bv", "_device_id", "_names", "_prefix", "_received_s",
        "_seq", "_texts", "_times_s", "_units", "_values",
    )  # fmt: skip

    def __init__(self, device_id: str, received_s: float) -> None:
        self._device_id = device_id
        self._received_s = received_s
        self._prefix = ""
        self._bare = False
        self._bt = 0.0
        self._bu = ""
        self._bv = 0.0
        self._boot: str | None = None
        self._seq: int | None = None
        self._names: list[str] = []
        self._times_s: list[float] = []
        self._values: list[float | bool] = []
        self._units: list[str] = []
        self._texts: list[TextReading] = []

    def identify(self, first: Record) -> None:
        """Take boot and seq from the first record."""
        if first.boot is not None:
            self._boot = check_token("boot", first.boot)
        if first.seq is not None:
            if not 0 <= first.seq <= MAX_SEQ:
                raise WireError("seq", f"must be 0 to {MAX_SEQ}")
            self._seq = first.seq

    def add(self, record: Record) -> None:
        """Apply one record's base fields and keep its reading, if it has one."""
        self._rebase(record)
        given = (record.v, record.vb, record.vs, record.vd)
        count = len(given) - given.count(None)
        if count == 0:
            self._expect_base_only(record)
            return
        if count > 1:
            raise WireError("v", "more than one of v, vb, vs, vd")
        if record.vd is not None:
            raise WireError("vd", "binary data is not accepted")
        name = check_metric(self._metric(record.n or ""))
        time_s = self._time(self._bt + (record.t or 0.0))
        if record.vs is not None:
            self._texts.append(TextReading(name, time_s, check_text("vs", record.vs)))
            return
        value: float | bool
        if record.vb is not None:
            value = record.vb
        else:
            assert record.v is not None
            value = finite("v", self._bv + record.v)
        self._names.append(name)
        self._times_s.append(time_s)
        self._values.append(value)
        self._units.append(check_unit(record.u or "") or self._bu)

    def add_columns(self, columns: Columns) -> bool:
        """Add many plain records at once; False (nothing added) where one needs a closer look."""
        names, times, values, units = columns
        if not names:
            return True
        bt, bu, bv = self._bt, self._bu, self._bv
        times_s = [bt + t for t in times] if bt else times
        shifted = [bv + v for v in values] if bv else values
        # A sum is not finite if any term is not; it may also overflow, and then we only decline.
        if not (math.isfinite(sum(times_s)) and math.isfinite(sum(shifted))):
            return False
        if min(times_s) < ABSOLUTE_FROM_S or max(times_s) > LATEST_S:
            return False
        if self._prefix or self._bare:
            names = [self._metric(n) for n in names]
        try:
            for name in set(names):
                check_metric(name)
            for unit in set(units):
                check_unit(unit)
        except WireError:
            return False
        self._names += names
        self._times_s += times_s
        self._values += shifted
        self._units += [u or bu for u in units] if bu else units
        return True

    def pack(self) -> Pack:
        """Give everything collected."""
        return Pack(
            boot=self._boot,
            seq=self._seq,
            names=self._names,
            times_s=self._times_s,
            values=self._values,
            units=self._units,
            texts=self._texts,
        )

    def _rebase(self, record: Record) -> None:
        if record.bver is not None and not 1 <= record.bver <= 10:
            raise WireError("bver", "only SenML versions up to 10 are understood")
        if record.bn is not None:
            if len(record.bn) > _MAX_BASE_NAME_CHARS:
                raise WireError("bn", f"longer than {_MAX_BASE_NAME_CHARS} characters")
            self._prefix = _name_prefix(record.bn, self._device_id)
            self._bare = record.bn == self._device_id
        if record.bt is not None:
            self._bt = finite("bt", record.bt)
        if record.bu is not None:
            self._bu = check_unit(record.bu)
        if record.bv is not None:
            self._bv = finite("bv", record.bv)

    def _expect_base_only(self, record: Record) -> None:
        if record.s is not None:
            raise WireError("s", "a sum without a value is not accepted; send v")
        if record.n is not None or record.t is not None or record.u is not None:
            raise WireError("v", "the record has no value")

    def _metric(self, n: str) -> str:
        """Give the metric's name, not yet checked: the full name without the device's part."""
        # With the bare id as the base name, the separator may come with the name.
        return n[1:] if self._bare and n[:1] in {"/", ":"} else self._prefix + n

    def _time(self, time_s: float) -> float:
        if time_s < ABSOLUTE_FROM_S:
            time_s += self._received_s
        # Written so that NaN fails too.
        if not 0.0 <= time_s <= LATEST_S:
            raise WireError("t", "is outside the years 1970 to 9999")
        return time_s


@lru_cache(maxsize=4096)
def _name_prefix(bn: str, own: str) -> str:
    """Take the device's own part off a base name; what is left goes before each name."""
    urn_end = bn.find(f":{own}:", len("urn:dev")) if bn.startswith("urn:dev:") else -1
    if urn_end >= 0:
        return bn[urn_end + len(own) + 2 :]
    if bn.startswith((f"{own}/", f"{own}:")):
        return bn[len(own) + 1 :]
    if bn in {own, ""}:
        return ""
    raise WireError("bn", "does not name the publishing device")


def finite(field: str, value: float) -> float:
    """Return a number unchanged; raises WireError for NaN and infinities."""
    if not math.isfinite(value):
        raise WireError(field, "is not a finite number")
    return value
