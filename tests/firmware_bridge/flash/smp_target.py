"""An SMP server on a pseudo terminal: Zephyr's image and OS groups over two slots that behave as MCUboot's do.

Messages are coded by the `smp` package; framing, slots, trial, confirm and resumed uploads are made here from Zephyr's
documentation of SMP ("Image management") and MCUboot's of swapping. It is no Zephyr.
"""

from __future__ import annotations

import hashlib
import os
import threading
import tty
from pathlib import Path
from typing import Any, Self

import cbor2
from smp import header, message, packet
from smp import image_management as img
from smp import os_management as osm

from firmware_bridge.errors import ImageRefused
from firmware_bridge.flash.formats import read_mcuboot

BUFFER_BYTES = 384
SLOT_BYTES = 64 * 1024
Group, Os, Images = header.GroupId, header.CommandId.OSManagement, header.CommandId.ImageManagement


class SmpTarget:
    """`with SmpTarget(link, image) as target:` answers at `link`. What is set here survives `power_cut`, as flash does."""

    def __init__(self, link: Path, active: bytes, *, board: str = "demo_board/chip") -> None:
        self.link = link
        self.board = board
        self.slots = [active, b""]
        self.is_pending = False
        self.is_confirmed = True
        """Whether what runs may stay."""
        self.uploads = 0
        self.cut_at: int | None = None
        """Lose power when so many bytes of an upload are in the slot."""
        self.spoil = False
        self.stuck_image: bytes | None = None
        """An image that does not start: its trial ends in the old one at once."""
        self.sent_bytes = 0
        self._length, self._sha = 0, b""
        self._is_off = False
        self._stopped = threading.Event()

    def __enter__(self) -> Self:
        self._master, slave = os.openpty()
        tty.setraw(slave)
        self.link.symlink_to(os.ttyname(slave))
        self._slave = slave
        self._thread = threading.Thread(target=self._live, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._stopped.set()
        os.write(self._slave, b"\n")
        self._thread.join(10)
        os.close(self._master)
        os.close(self._slave)
        self.link.unlink()

    def boot(self) -> None:
        """What MCUboot does at a reset: try what is pending, go back from what was not confirmed."""
        if self.is_pending and self._is_whole(self.slots[1]):
            self.slots.reverse()
            self.is_pending, self.is_confirmed = False, False
            if self.slots[0] == self.stuck_image:
                self.boot()
        elif not self.is_confirmed:
            self.slots.reverse()
            self.is_confirmed = True
        self.is_pending = False

    def power_on(self) -> None:
        """Power comes back."""
        self._is_off = False
        self.boot()

    def _is_whole(self, data: bytes) -> bool:
        try:
            read_mcuboot(data)
        except ImageRefused:
            return False
        return True

    def _live(self) -> None:
        decoder: Any = None
        heard = b""
        while not self._stopped.is_set():
            heard += os.read(self._master, 4096)
            while b"\n" in heard:
                line, _, heard = heard.partition(b"\n")
                if self._is_off or not line:
                    continue
                if line.startswith(packet.START_DELIMITER):
                    decoder = packet.decode()
                    next(decoder)
                try:
                    decoder.send(line + b"\n")
                except StopIteration as whole:
                    self._serve(bytes(whole.value))

    def _serve(self, frame: bytes) -> None:
        asked = header.Header.loads(frame[: header.Header.SIZE])
        answer = self._answer(asked, frame)
        if self._is_off or answer is None:
            return
        os.write(self._master, b"uart:~$ \r\n")  # a console's own output stands between
        for piece in packet.encode(bytes(answer)):
            os.write(self._master, piece)
        if (asked.group_id, asked.command_id) == (Group.OS_MANAGEMENT, Os.RESET):
            self.boot()

    def _answer(self, asked: header.Header, frame: bytes) -> message.Response | None:
        number = {"sequence": asked.sequence, "version": asked.version}
        match (asked.group_id, asked.command_id, asked.op):
            case (Group.OS_MANAGEMENT, Os.MCUMGR_PARAMETERS, _):
                return osm.MCUMgrParametersReadResponse(
                    buf_size=BUFFER_BYTES, buf_count=4, **number
                )
            case (Group.OS_MANAGEMENT, Os.OS_APPLICATION_INFO, _):
                return osm.OSApplicationInfoReadResponse(output=self.board, **number)
            case (Group.OS_MANAGEMENT, Os.RESET, _):
                return osm.ResetWriteResponse(**number)
            case (Group.IMAGE_MANAGEMENT, Images.STATE, header.OP.READ):
                return img.ImageStatesReadResponse(images=self._states(), **number)
            case (Group.IMAGE_MANAGEMENT, Images.STATE, _):
                return self._set_state(img.ImageStatesWriteRequest.loads(frame), number)
            case (Group.IMAGE_MANAGEMENT, Images.UPLOAD, _):
                return self._upload(img.ImageUploadWriteRequest.loads(frame), number)
            case (Group.IMAGE_MANAGEMENT, Images.ERASE, _):
                self.slots[1] = b""
                return img.ImageEraseResponse(**number)
        return None

    def _states(self) -> list[img.ImageState]:
        found = []
        for slot, data in enumerate(self.slots):
            try:
                facts = read_mcuboot(data)
            except ImageRefused:
                continue
            found.append(
                img.ImageState(
                    slot=slot,
                    version=facts.version,
                    hash=facts.hash,
                    bootable=True,
                    active=slot == 0,
                    confirmed=slot == 0 and self.is_confirmed,
                    pending=slot == 1 and self.is_pending,
                    permanent=False,
                )
            )
        return found

    def _set_state(self, asked: img.ImageStatesWriteRequest, number: dict[str, Any]) -> Any:
        slots = [state.slot for state in self._states() if state.hash == asked.hash]
        if asked.confirm and (asked.hash is None or slots == [0]):
            self.is_confirmed = True
        elif slots == [1] and not asked.confirm:
            self.is_pending = True
        else:
            return self._error(img.IMG_MGMT_ERR.INVALID_HASH, Images.STATE, number)
        return img.ImageStatesWriteResponse(images=self._states(), **number)

    def _upload(self, asked: img.ImageUploadWriteRequest, number: dict[str, Any]) -> Any:
        if asked.off == 0:
            assert asked.len is not None
            if asked.len > SLOT_BYTES:
                error = img.IMG_MGMT_ERR.INVALID_IMAGE_TOO_LARGE
                return self._error(error, Images.UPLOAD, number)
            if (asked.sha or b"") != self._sha or not asked.sha:
                self.uploads += 1
                self._length, self._sha, self.slots[1] = asked.len, asked.sha or b"", b""
        if asked.off == len(self.slots[1]):
            self.slots[1] += asked.data
            self.sent_bytes += len(asked.data)
        if self.cut_at is not None and len(self.slots[1]) >= self.cut_at:
            self.cut_at, self._is_off = None, True
            return None
        match = None
        if len(self.slots[1]) == self._length:
            if self.spoil:
                self.slots[1] = self.slots[1][:-1] + b"?"
            match = hashlib.sha256(self.slots[1]).digest() == self._sha
            self._sha = b""
        return img.ImageUploadWriteResponse(off=len(self.slots[1]), match=match, **number)

    def _error(self, code: img.IMG_MGMT_ERR, command: int, number: dict[str, Any]) -> Any:
        return _error_frame(code, command, number)


class _Raw:
    def __init__(self, data: bytes) -> None:
        self._data = data

    def __bytes__(self) -> bytes:
        return self._data


def _error_frame(code: img.IMG_MGMT_ERR, command: int, number: dict[str, Any]) -> _Raw:
    """{"err": {"group": 1, "rc": code}}, as SMP version 2 has it."""
    body = cbor2.dumps({"err": {"group": int(Group.IMAGE_MANAGEMENT), "rc": int(code)}})
    head = header.Header(
        op=header.OP.WRITE_RSP,
        version=number["version"],
        flags=header.Flag.UNUSED,
        length=len(body),
        group_id=Group.IMAGE_MANAGEMENT,
        sequence=number["sequence"],
        command_id=command,
    )
    return _Raw(bytes(head) + body)
