"""Readings are closed into packs by age, number and size; none is lost, none twice."""

from hypothesis import given
from hypothesis import strategies as st

from device_agent.delivery_settings import PackSettings
from device_agent.packer import Packer
from device_agent.sampler import Reading
from device_agent.wire import decode_pack


class Clock:
    s = 0.0

    def __call__(self):
        return self.s


def packer_of(clock, **settings):
    return Packer(PackSettings(**settings), device_id="d", boot="b1", monotonic=clock)


def reading(number, value=1.0):
    return Reading(f"m{number}", "V", 1.7e9 + number, value)


def decode(payload):
    return decode_pack(payload, device_id="d", received_s=0)


values = (
    st.floats(allow_nan=False, allow_infinity=False) | st.booleans() | st.text("ab", max_size=500)
)


@given(
    st.lists(st.lists(values, max_size=12), max_size=8),
    st.integers(1, 7),
    st.integers(200, 1500),
    st.sampled_from(["json", "cbor"]),
)
def test_every_reading_is_in_exactly_one_pack_in_order(rounds, most, size, form):
    packer = packer_of(Clock(), max_records=most, max_bytes=size, form=form)
    payloads, given_in = [], []
    for values_now in rounds:
        readings = [reading(len(given_in) + i, value) for i, value in enumerate(values_now)]
        given_in += readings
        payloads += packer.add(readings)
    payloads += packer.close()
    packs = [decode(payload) for payload in payloads]
    assert [pack.seq for pack in packs] == list(range(len(packs)))
    assert all(len(pack) <= most for pack in packs)
    out = {
        name: value for pack in packs for name, value in zip(pack.names, pack.values, strict=True)
    }
    out |= {text.name: text.text for pack in packs for text in pack.texts}
    assert out == {r.name: r.value for r in given_in}
    assert packer.close() == []


def test_a_pack_closes_when_its_first_reading_is_old_enough():
    clock = Clock()
    packer = packer_of(clock, max_age_s=1.0)
    assert packer.wait_s() == float("inf")
    packer.add([reading(1)])
    clock.s = 0.9
    packer.add([reading(2)])
    assert packer.close_if_old() == []
    clock.s = 1.0
    (payload,) = packer.close_if_old()
    assert decode(payload).names == ["m1", "m2"]


def test_payloads_stay_near_their_size():
    packer = packer_of(Clock(), max_bytes=1000, deflate=False)
    payloads = packer.add([reading(i, 123456.789) for i in range(200)])
    assert max(map(len, payloads)) <= 1200
    assert min(map(len, payloads)) >= 500


def test_packs_grow_older_while_there_is_no_link():
    clock, online = Clock(), [False]
    packer = Packer(
        PackSettings(), device_id="d", boot="b1", monotonic=clock, is_online=lambda: online[0]
    )
    packer.add([reading(1)])
    clock.s = 9.9
    assert packer.close_if_old() == []
    online[0] = True
    assert len(packer.close_if_old()) == 1


def test_deflated_packs_take_a_quarter_and_hold_the_same():
    sizes, packs = [], []
    for deflate in (False, True):
        packer = packer_of(Clock(), deflate=deflate)
        packer.add([reading(i, 20.0 + i / 10) for i in range(100)])
        (payload,) = packer.close()
        sizes.append(len(payload))
        packs.append(decode(payload))
    assert sizes[1] < sizes[0] / 4
    assert packs[0] == packs[1]
