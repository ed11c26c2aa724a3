"""Messages that devices publish at QoS 0, put into the stream as well.

nats-server stores only QoS 1 and 2. Many devices in the field publish at QoS 0 (it is the default of
most clients), and a device that is silently not heard would be the worst answer. There is no promise:
what is sent while the broker or this process is away is lost, as QoS 0 says.
"""

from __future__ import annotations

import logging
from collections.abc import Collection
from typing import Final

import nats.errors
from nats.aio.client import Client
from nats.aio.msg import Msg

from server.broker.auth_callout import UP_LEAVES
from server.broker.stream import PREFIX
from server.broker.subjects import subject_of

_log = logging.getLogger(__name__)

_QOS_HEADER: Final = "Nmqtt-Pub"
# Several servers on one broker share the work; each message is stored once.
_QUEUE: Final = "forewarn-qos0"


class AtMostOnce:
    """Copies QoS 0 messages into the stream, over a connection of its own: all traffic passes here."""

    def __init__(self, client: Client, roots: Collection[str] = ()) -> None:
        """`roots` are first levels of foreign topics, beside `devices`."""
        self._client = client
        self._roots = tuple(subject_of(root) for root in roots)
        self.copied = 0

    async def start(self, *mapped: str) -> None:
        """`mapped` are further subjects, under which the broker's mappings put telemetry."""
        subjects = [f"devices.*.{leaf}" for leaf in UP_LEAVES] + list(mapped)
        subjects += [subject for root in self._roots for subject in (root, f"{root}.>")]
        for subject in subjects:
            await self._client.subscribe(subject, queue=_QUEUE, cb=self._on_message)

    async def _on_message(self, message: Msg) -> None:
        headers = message.headers
        if headers is None or headers.get(_QOS_HEADER) != "0":
            return
        try:
            await self._client.publish(PREFIX + message.subject, message.data, headers=headers)
        except (nats.errors.Error, OSError) as error:
            _log.debug("a QoS 0 message was not kept: %r", error)
        else:
            self.copied += 1
