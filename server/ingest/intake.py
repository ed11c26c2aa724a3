"""From a plain MQTT broker into the journal: written down first, acknowledged then.

One `Intake` is one connection with a session that the broker keeps while we are away. Two threads:
paho's brings messages, ours writes them in groups and sends the PUBACKs. A message is acknowledged on
the connection that brought it only; one whose connection is gone comes again, and is recognised.
"""

from __future__ import annotations

import contextlib
import logging
import queue
import sqlite3
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from paho.mqtt.client import Client, ConnectFlags, MQTTMessage
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from server.broker.address import BrokerAddress
from server.broker.mqtt_client import connect, make_client
from server.ingest.journal import Delivery, Journal, JournalFull
from server.kit.text import one_line

log = logging.getLogger(__name__)

AT_ONCE: Final = 1000
"""Messages that the broker may send us without a PUBACK; bounds memory, with `_QUEUED` behind it."""
_QUEUED: Final = 2 * AT_ONCE
_GROUP_MESSAGES: Final = 500
_GROUP_BYTES: Final = 8 * 2**20
_RETRY_S: Final = 1.0
_STOP_TIMEOUT_S: Final = 3.0

_Arrival = tuple[int, Delivery, int]
"""Connection's number, delivery, QoS."""


@dataclass(frozen=True, slots=True)
class _Connected:
    """Stands in the queue before the first message of a connection."""

    session_is_new: bool


_Item = _Arrival | _Connected | None
"""None: the end."""


class Intake:
    """`start` once, `stop` once. No filters: only takes what still waits in the session."""

    def __init__(
        self,
        address: BrokerAddress,
        client_id: str,
        filters: Sequence[str],
        journal: Journal,
        *,
        now_s: Callable[[], float],
    ) -> None:
        self._address = address
        self.client_id = client_id
        self._filters = frozenset(filters)
        self._journal = journal
        self._now_s = now_s
        self._queue: queue.Queue[_Item] = queue.Queue(_QUEUED)
        self._asked_before: set[str] = set()
        self._connection = 0
        self._stopping = threading.Event()
        self._writer = threading.Thread(target=self._write_all, name="mqtt-journal", daemon=True)
        self.writing = True
        """False while the journal takes nothing."""
        self.refused = ""
        """Why the broker does not let us in, or does not let us listen."""
        self._is_listening = False
        self._is_lost = False
        self._client = client = make_client(address, client_id, lasting=True)
        client.on_connect = self._on_connect
        client.on_connect_fail = self._on_connect_fail
        client.on_disconnect = self._on_disconnect
        client.on_subscribe = self._on_subscribe
        client.on_message = self._on_message

    @property
    def connected(self) -> bool:
        """Let in, and subscribed."""
        return self._client.is_connected() and self._is_listening

    def start(self) -> None:
        """Raises sqlite3.Error."""
        self._asked_before = self._journal.subscriptions(self.client_id)
        # Noted before they are asked for, so that none is ever forgotten at the broker.
        self._journal.note_subscriptions(self.client_id, self._asked_before | self._filters)
        self._writer.start()
        connect(self._client, self._address, lasting=True, at_once=AT_ONCE)

    def stop(self) -> None:
        """What is queued is written, the session stays with the broker. Twice is as once."""
        if self._stopping.is_set():
            return
        self._stopping.set()
        with contextlib.suppress(queue.Full):
            self._queue.put(None, timeout=_STOP_TIMEOUT_S)
        self._writer.join(_STOP_TIMEOUT_S)
        self._client.disconnect()
        self._client.loop_stop()

    # ----- on paho's thread

    def _on_connect(
        self, client: Client, _data: Any, flags: ConnectFlags, code: ReasonCode, _more: Any
    ) -> None:
        if code.is_failure:
            self._lost(f"refused: {code}", refused=True)
            return
        self._connection += 1
        if self._is_lost:
            log.warning("%s: the broker is back", self.client_id)
        self._is_lost, self.refused = False, ""
        self._put(_Connected(session_is_new=not flags.session_present))
        for gone in self._asked_before - self._filters:
            client.unsubscribe(gone)
        self._is_listening = not self._filters
        if self._filters:
            client.subscribe([self._wish(f) for f in sorted(self._filters)])

    def _wish(self, topic_filter: str) -> Any:
        if not self._address.mqtt_5:
            return topic_filter, 1
        # What is retained only once: it would come again with each of our connections.
        shared = topic_filter.startswith("$share/")
        return topic_filter, SubscribeOptions(
            qos=1,
            retainHandling=SubscribeOptions.RETAIN_DO_NOT_SEND
            if shared
            else SubscribeOptions.RETAIN_SEND_IF_NEW_SUB,
        )

    def _on_subscribe(
        self, _client: Client, _data: Any, _mid: int, codes: list[ReasonCode], _more: Any
    ) -> None:
        if refused := [str(code) for code in codes if code.is_failure]:
            self.refused = f"the broker does not let us subscribe: {refused[0]}"
            log.error("%s: %s; check its access list", self.client_id, self.refused)
        self._is_listening = not refused

    def _on_connect_fail(self, _client: Client, _data: Any) -> None:
        self._lost("not reached")

    def _on_disconnect(
        self, _client: Client, _data: Any, _flags: Any, code: ReasonCode, _more: Any
    ) -> None:
        if not self._stopping.is_set():
            self._lost("connection broke off" if code.value == 128 else str(code))

    def _lost(self, reason: str, *, refused: bool = False) -> None:
        """Said once an outage."""
        self._is_listening = False
        if refused and not self.refused:
            self.refused = reason
            log.error("%s: %s %s", self.client_id, self._address.url, one_line(reason))
        elif not self._is_lost and not refused:
            log.warning("%s: %s %s; trying again", self.client_id, self._address.url, reason)
        self._is_lost = True

    def _on_message(self, _client: Client, _data: Any, message: MQTTMessage) -> None:
        delivery = Delivery(
            self.client_id,
            message.mid if message.qos else 0,
            bool(message.dup),
            message.topic,
            bytes(message.payload),
            self._now_s(),
            bool(message.retain),
        )
        self._put((self._connection, delivery, message.qos))

    def _put(self, item: _Item) -> None:
        """A full queue stops the reading of the socket: the broker holds back the rest."""
        while not self._stopping.is_set():
            with contextlib.suppress(queue.Full):
                self._queue.put(item, timeout=_RETRY_S)
                return

    # ----- on the writer's thread

    def _write_all(self) -> None:
        while True:
            group, last = self._next_group()
            if group and not self._write(group):
                return
            if last is None:
                return
            if isinstance(last, _Connected):
                self._write_session(last)

    def _next_group(self) -> tuple[list[_Arrival], _Item]:
        """What waits, up to a marker, which is given as the second."""
        group: list[_Arrival] = []
        size = 0
        item = self._queue.get()
        while isinstance(item, tuple):
            group.append(item)
            size += len(item[1].payload)
            if len(group) >= _GROUP_MESSAGES or size >= _GROUP_BYTES:
                break
            try:
                item = self._queue.get_nowait()
            except queue.Empty:
                break
        return group, item

    def _write(self, group: Sequence[_Arrival]) -> bool:
        """False when we are to stop while nothing can be written; the broker has it all still."""
        deliveries = [delivery for _, delivery, _ in group]
        if not self._tried_until_done(lambda: self._journal.take(deliveries)):
            return False
        for connection, delivery, qos in group:
            if qos and connection == self._connection:
                self._client.ack(delivery.packet_id, qos)
        return True

    def _write_session(self, connected: _Connected) -> None:
        def write() -> None:
            if connected.session_is_new:
                self._journal.session_began(self.client_id)
            self._journal.note_subscriptions(self.client_id, self._filters)

        self._tried_until_done(write)

    def _tried_until_done(self, work: Callable[[], object]) -> bool:
        while True:
            try:
                work()
            except (sqlite3.Error, JournalFull) as error:
                if self.writing:
                    log.error("%s: nothing is taken in: %s", self.client_id, error)  # noqa: TRY400 - weather
                self.writing = False
                if self._stopping.wait(_RETRY_S):
                    return False
            else:
                if not self.writing:
                    log.warning("%s: taking in again", self.client_id)
                self.writing = True
                return True
