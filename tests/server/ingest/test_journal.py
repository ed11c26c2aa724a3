"""The journal: on disk before the PUBACK, once however often a broker delivers it."""

import sqlite3
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.ingest.journal import Delivery, Journal, JournalFull

NOW_S = 1_700_000_000.0


def delivery(packet_id: int, payload: bytes = b"x", *, again: bool = False, client="c") -> Delivery:
    return Delivery(client, packet_id, again, "devices/pump/telemetry", payload, NOW_S)


@pytest.fixture
def journal(tmp_path):
    opened = Journal(tmp_path / "journal.sqlite3", max_bytes=2**20)
    yield opened
    opened.close()


def payloads(journal: Journal, after: int = 0) -> list[bytes]:
    return [message.payload for message in journal.after(after, 10_000)]


def test_a_restart_reads_on_with_the_same_positions_and_times(tmp_path):
    first = Journal(tmp_path / "j", max_bytes=2**20)
    first.take([delivery(1, b"a"), delivery(2, b"b")])
    before, identity = first.after(0, 10), first.identity
    first.close()
    second = Journal(tmp_path / "j", max_bytes=2**20)
    assert (second.after(0, 10), second.identity, second.last_position) == (before, identity, 2)
    second.close()


def test_positions_never_come_again_once_everything_was_forgotten(tmp_path):
    first = Journal(tmp_path / "j", max_bytes=2**20)
    first.take([delivery(1), delivery(2)])
    first.forget(2)
    first.close()
    second = Journal(tmp_path / "j", max_bytes=2**20)
    assert second.last_position == 2
    second.take([delivery(3)])
    assert [m.position for m in second.after(0, 10)] == [3]
    second.close()


def test_a_redelivery_is_known_even_after_it_was_processed(journal):
    journal.take([delivery(7, b"a")])
    journal.forget(1)
    assert journal.take([delivery(7, b"a", again=True)]) == 0


def test_a_used_packet_id_with_another_content_is_another_message(journal):
    journal.take([delivery(7, b"a")])
    assert journal.take([delivery(7, b"b", again=True)]) == 1
    assert journal.take([replace(delivery(7, b"b", again=True), topic="devices/x/state")]) == 1


def test_the_same_content_sent_anew_is_another_message(journal):
    assert journal.take([delivery(7, b"a"), delivery(7, b"a"), delivery(8, b"a")]) == 3


def test_at_qos_0_nothing_is_ever_known(journal):
    assert journal.take([delivery(0, b"a"), delivery(0, b"a", again=True)]) == 2


def test_packet_ids_are_each_clients_own_and_end_with_its_session(journal):
    journal.take([delivery(7, b"a")])
    assert journal.take([delivery(7, b"a", again=True, client="d")]) == 1
    journal.session_began("c")
    assert journal.take([delivery(7, b"a", again=True)]) == 1
    assert journal.take([delivery(7, b"a", again=True, client="d")]) == 0


def test_a_full_journal_takes_nothing_until_something_is_processed(tmp_path):
    journal = Journal(tmp_path / "j", max_bytes=1000)
    journal.take([delivery(1, bytes(2000))])
    with pytest.raises(JournalFull):
        journal.take([delivery(2)])
    assert len(journal.after(0, 10)) == 1
    journal.forget(1)
    assert journal.take([delivery(2)]) == 1
    journal.close()


def test_its_file_does_not_grow_with_what_was_processed(tmp_path):
    path = tmp_path / "j"
    journal = Journal(path, max_bytes=2**28)
    sizes = []
    for turn in range(6):
        journal.take([delivery(1 + n, bytes(10_000)) for n in range(300)])
        journal.forget(300 * (turn + 1))
        sizes.append(path.stat().st_size)
    assert max(sizes) <= 2 * sizes[0] + 2**20
    journal.close()


def test_a_disk_that_fails_takes_nothing_by_halves(journal):
    journal._db.execute("PRAGMA max_page_count = 40")
    with pytest.raises(sqlite3.OperationalError):
        journal.take([delivery(n, bytes(20_000)) for n in range(1, 30)])
    assert payloads(journal) == []
    assert journal.last_position == 0
    journal._db.execute("PRAGMA max_page_count = 1000000")
    assert journal.take([delivery(1, b"a", again=True)]) == 1, "its packet id was not noted either"


class SimulatedBroker:
    """MQTT 3.1.1 §4.4: what has no PUBACK comes again, in order, after each new connection."""

    def __init__(self):
        self.sent, self.unacknowledged, self.next_id = [], {}, 0

    def publish(self, payload):
        self.next_id = self.next_id % 65_535 + 1
        self.sent.append(payload)
        self.unacknowledged[self.next_id] = payload
        return delivery(self.next_id, payload)

    def reconnected(self):
        return [delivery(i, payload, again=True) for i, payload in self.unacknowledged.items()]


@settings(max_examples=30)
@given(
    steps=st.lists(
        st.tuples(st.integers(0, 3), st.integers(0, 5), st.booleans(), st.booleans()), max_size=30
    )
)
def test_every_message_once_whatever_breaks_between_journal_and_puback(tmp_path_factory, steps):
    """A step: so many messages (few contents), so many PUBACKs get through, then perhaps a kill -9 of
    us before the journal wrote or after, and the broker delivers again."""
    path = tmp_path_factory.mktemp("journal") / "j"
    broker, journal = SimulatedBroker(), Journal(path, max_bytes=2**20)
    for content, acknowledged, dies, before_writing in steps:
        new = [broker.publish(b"%d" % content), broker.publish(b"%d" % (content // 2))]
        if not (dies and before_writing):
            journal.take(new)
            for packet_id in list(broker.unacknowledged)[:acknowledged]:
                del broker.unacknowledged[packet_id]
        if dies:
            journal.close()
            journal = Journal(path, max_bytes=2**20)
            journal.take(broker.reconnected())
            broker.unacknowledged.clear()
    journal.take(broker.reconnected())
    assert payloads(journal) == broker.sent
    journal.close()
