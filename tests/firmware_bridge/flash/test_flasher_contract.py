"""What every flasher keeps, in memory and on targets that behave as real ones: checked first, proven after, safe from cuts.

avrdude works on an emulated ATmega328P that runs the real Optiboot; esptool on an emulator of the ROM's protocol; SMP on a
server of our own behind a pseudo terminal. No chip was at hand.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from firmware_bridge.errors import FlashError, ImageRefused, Interrupted, TargetRefused
from firmware_bridge.flash.image import Image, load_image
from firmware_bridge.flash.journal import Entry, Journal
from firmware_bridge.flash.port import Flasher, Rollback
from firmware_bridge.flash.states import State
from firmware_bridge.flash.update import Update
from tests.firmware_bridge.flash.conftest import Bench, Benches, Cut

T0 = 1_800_000_000.0


def entry(flasher: Flasher) -> Entry:
    return Entry("u1", "mcu", flasher.method, "0" * 64, T0)


def whole(bench: Bench, folder: Path, **options: object) -> Update:
    return Update(Journal(folder), bench.flasher, **{"prove": lambda: "", **options})  # type: ignore[arg-type]


def test_update_runs_to_its_end(bench: Bench, folder: Path) -> None:
    shares: dict[State, list[float]] = {}
    update = whole(
        bench, folder, told=lambda e, share: shares.setdefault(e.state, []).append(share)
    )
    ended = update.begin(entry(bench.flasher), bench.new)
    assert (ended.state, ended.reason) == (State.DONE, "")
    assert bench.holds(bench.new)
    assert list(shares)[:3] == [State.PLANNED, State.SAVING, State.WRITING]
    assert all(each == sorted(each) for each in shares.values())
    assert len(set(shares[State.WRITING])) > 5, "progress of the long step is told"
    again = Journal(folder).read()
    assert again == ended
    assert not Journal(folder).image_path.exists()
    if bench.name != "avrdude":  # half a minute for what its power cut shows too
        again = whole(bench, folder).begin(entry(bench.flasher), bench.new)
        assert again.state is State.DONE, "what runs can be put on once more"


def test_other_hardware_is_refused_before_anything_is_written(bench: Bench, folder: Path) -> None:
    with pytest.raises(TargetRefused, match=r"the target is .*, not "):
        bench.other_hardware.identify()
    bench.flasher = bench.other_hardware
    try:
        ended = whole(bench, folder).begin(entry(bench.flasher), bench.new)
        assert ended.state is State.REFUSED
    except ImageRefused:
        pass  # the image names its chip
    assert bench.holds(bench.old)


@pytest.mark.parametrize("data", [b"\0" * 64, b"MZ", b":00000001FF\n", b"\xe9\x01" + b"\xff" * 30])
def test_what_is_no_image_is_refused(bench: Bench, data: bytes, tmp_path: Path) -> None:
    with pytest.raises(ImageRefused):
        bench.flasher.accepts(Image(tmp_path / "none", "0" * 64, data))


def test_power_cut_while_writing(bench: Bench, folder: Path) -> None:
    def cut(now: Entry, share: float) -> None:
        if now.state is State.WRITING and share >= 0.3:
            bench.power_cut()
            raise Cut

    with pytest.raises(Cut):
        whole(bench, folder, told=cut).begin(entry(bench.flasher), bench.new)
    bench.power_on()
    found = Journal(folder).read()
    assert found is not None
    assert found.state is State.WRITING
    assert not bench.holds(bench.new)
    with pytest.raises(FlashError, match="let it end first"):
        whole(bench, folder).begin(entry(bench.flasher), bench.new)
    ended = whole(bench, folder).resume()
    assert ended is not None
    assert (ended.state, ended.reason) == (State.DONE, "")
    assert bench.holds(bench.new)
    assert whole(bench, folder).resume() is None


@pytest.mark.parametrize("kind", ["memory-slots", "memory-backup", "esptool", "smp"])
def test_stopped_while_writing(kind: str, benches: Benches, folder: Path) -> None:
    bench = benches.make(kind)
    asked = False

    def told(now: Entry, share: float) -> None:
        nonlocal asked
        asked = now.state is State.WRITING and share >= 0.3

    with pytest.raises(Interrupted):
        whole(bench, folder, told=told, stop=lambda: asked).begin(entry(bench.flasher), bench.new)
    asked = False
    ended = whole(bench, folder).resume()
    assert ended is not None
    assert ended.state is State.DONE
    assert bench.holds(bench.new)


def test_firmware_that_does_not_prove_itself_goes(bench: Bench, folder: Path) -> None:
    ended = whole(bench, folder, prove=lambda: "it says nothing").begin(
        entry(bench.flasher), bench.new
    )
    assert "it says nothing" in ended.reason
    if bench.flasher.rollback is Rollback.NONE:
        assert ended.state is State.BROKEN
        assert "no way back" in ended.reason
    else:
        assert ended.state is State.REVERTED
        assert bench.holds(bench.old)
        assert not bench.holds(bench.new)


def test_power_cut_on_trial(bench: Bench, folder: Path) -> None:
    def cut() -> str:
        bench.power_cut()
        raise Cut

    with pytest.raises(Cut):
        whole(bench, folder, prove=cut).begin(entry(bench.flasher), bench.new)
    bench.power_on()
    ended = whole(bench, folder).resume()
    assert ended is not None
    if bench.flasher.rollback is Rollback.SLOTS:
        assert ended.state is State.REVERTED
        assert "went back" in ended.reason
        assert bench.holds(bench.old)
    else:
        assert ended.state is State.DONE
        assert bench.holds(bench.new)


def test_image_is_read_by_its_hash(tmp_path: Path) -> None:
    (tmp_path / "i").write_bytes(b"firmware")
    right = load_image(tmp_path / "i", "")
    assert load_image(tmp_path / "i", right.sha256) == right
    for sha256, max_bytes, said in (
        ("0" * 64, 100, "not the image asked for"),
        ("xyz", 100, "64 of"),
        (right.sha256, 7, "larger than 7"),
    ):
        with pytest.raises(ImageRefused, match=said):
            load_image(tmp_path / "i", sha256, max_bytes=max_bytes)
    (tmp_path / "i").write_bytes(b"")
    with pytest.raises(ImageRefused, match="empty"):
        load_image(tmp_path / "i", "")
    with pytest.raises(ImageRefused, match="can't be read"):
        load_image(tmp_path / "none", "")
