"""Carries one update through the table of `states`, with every step in the journal first."""

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from firmware_bridge.errors import BridgeError, FlashFailed, ImageRefused, Interrupted
from firmware_bridge.flash.image import MAX_IMAGE_BYTES, Image, keep, load_image
from firmware_bridge.flash.journal import Entry, Journal
from firmware_bridge.flash.port import Flasher, Rollback, Stop
from firmware_bridge.flash.states import ENDS, MAX_TRIES, TABLE, State

Told = Callable[[Entry, float], None]
"""Takes the entry and how much of its state's step is done, 0 to 1."""

Prove = Callable[[], str]
"""Watches the new firmware at work; gives what is wrong with it, or an empty text."""

_MAX_REASON_CHARS: Final = 400


class Update:
    """One target's updates. ``run`` is called by one thread, with the target's port free for the flasher.

    ``prove`` may use the port itself, and must leave it free again.
    """

    def __init__(
        self,
        journal: Journal,
        flasher: Flasher,
        *,
        prove: Prove,
        told: Told = lambda _entry, _share: None,
        stop: Stop = lambda: False,
    ) -> None:
        self._journal = journal
        self._flasher = flasher
        self._prove = prove
        self._told = told
        self._stop = stop

    def begin(self, entry: Entry, image: Image) -> Entry:
        """Take up a new update and carry it to its end; raises ImageRefused, or FlashFailed while another is not ended."""
        earlier = self._journal.read()
        if earlier is not None and earlier.state not in ENDS:
            raise FlashFailed(
                f"an update of {earlier.name} is {earlier.state.value} since its last start: let it end first"
            )
        self._flasher.accepts(image)
        self._journal.clear_files()
        try:
            self._journal.folder.mkdir(parents=True, exist_ok=True)
            keep(self._journal.image_path, image.data)
        except OSError as error:
            raise FlashFailed(f"the image can't be kept: {error.strerror}") from None
        return self._run(self._journal.write(replace(entry, sha256=image.sha256)))

    def resume(self) -> Entry | None:
        """Go on with an update that was cut off; None where there is none. Raises FlashFailed for a damaged journal."""
        entry = self._journal.read()
        if entry is None or entry.state in ENDS:
            return None
        step = TABLE[entry.state]
        if entry.tries >= MAX_TRIES:
            reason = f"{entry.state.value}: cut off {entry.tries} times"
            return self._run(self._journal.move(entry, step.else_, reason=reason))
        state = step.again_from
        tries = entry.tries + 1
        return self._run(self._journal.write(replace(entry, state=state, tries=tries)))

    def _run(self, entry: Entry) -> Entry:
        """Do step after step; raises Interrupted between or within steps when asked to stop."""
        while entry.state not in ENDS:
            self._told(entry, 0.0)
            step = TABLE[entry.state]
            try:
                entry = self._did(entry)
            except Interrupted:
                raise
            except BridgeError as error:
                entry = self._journal.move(entry, step.else_, reason=_reason(entry, error))
            else:
                entry = self._journal.move(entry, step.then)
        self._told(entry, 1.0)
        self._journal.clear_files()
        return entry

    def _did(self, entry: Entry) -> Entry:
        if self._stop():
            raise Interrupted("asked to stop")
        image = self._image(entry)
        flasher, saved = self._flasher, self._journal.saved_path

        def tell(share: float) -> None:
            self._told(entry, share)

        match entry.state:
            case State.PLANNED:
                self._check(image)
            case State.SAVING if flasher.rollback is Rollback.BACKUP:
                flasher.save(saved, tell, self._stop)
                kept = load_image(saved, "")
                keep(saved, kept.data)
                return replace(entry, saved_sha256=kept.sha256)
            case State.WRITING:
                flasher.write(image, tell, self._stop)
            case State.VERIFYING:
                flasher.verify(image, tell, self._stop)
            case State.STARTING:
                flasher.start(image)
            case State.PROVING:
                self._proven(image)
            case State.REVERTING:
                flasher.revert(self._saved(entry), tell, self._stop)
            case _:
                pass
        return entry

    def _image(self, entry: Entry) -> Image:
        if entry.state is State.REVERTING:
            # What is brought back is the old firmware; a lost image must not keep it away.
            return Image(self._journal.image_path, entry.sha256, b"")
        return load_image(self._journal.image_path, entry.sha256, max_bytes=MAX_IMAGE_BYTES)

    def _check(self, image: Image) -> None:
        self._flasher.accepts(image)
        target = self._flasher.identify()
        size, room = self._flasher.takes_bytes(image), target.capacity_bytes
        if room is not None and size > room:
            raise ImageRefused(f"the image takes {size} bytes, the target has room for {room}")

    def _proven(self, image: Image) -> None:
        if self._flasher.runs(image) is False:
            raise FlashFailed("the target went back to its old firmware")
        if said := self._prove():
            raise FlashFailed(said)
        if self._flasher.runs(image) is False:
            raise FlashFailed("the target went back to its old firmware")
        self._flasher.confirm(image)

    def _saved(self, entry: Entry) -> Image | None:
        if not entry.saved_sha256:
            return None
        return load_image(self._journal.saved_path, entry.saved_sha256)


def _reason(entry: Entry, error: BridgeError) -> str:
    said = f"{entry.state.value}: {error}"
    both = f"{entry.reason}; {said}" if entry.reason else said
    return both[:_MAX_REASON_CHARS]
