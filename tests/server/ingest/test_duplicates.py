from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from server.ingest import duplicates
from server.ingest.duplicates import SeenPacks

SEQS = st.lists(st.integers(0, 40), max_size=80)


@given(seqs=SEQS)
def test_it_answers_as_a_set_would(seqs):
    seen, reference = SeenPacks(), set()
    for seq in seqs:
        assert seen.is_new("pump", "b1", seq) == (seq not in reference)
        reference.add(seq)


@given(seqs=SEQS)
def test_ranges_are_sorted_disjoint_and_never_adjacent(seqs):
    seen = SeenPacks()
    for seq in seqs:
        seen.is_new("pump", "b1", seq)
        ranges = seen._devices["pump"]["b1"]
        assert all(first <= last for first, last in ranges)
        assert all(a[1] + 1 < b[0] for a, b in pairwise(ranges))


@given(seqs=SEQS, cut=st.integers(0, 80))
def test_a_restart_from_any_point_decides_the_same(seqs, cut):
    straight, first = SeenPacks(), SeenPacks()
    expected = [straight.is_new("pump", "b1", seq) for seq in seqs]
    before = [first.is_new("pump", "b1", seq) for seq in seqs[:cut]]
    second = SeenPacks.from_bytes(first.to_bytes())
    assert before + [second.is_new("pump", "b1", seq) for seq in seqs[cut:]] == expected
    assert second.to_bytes() == straight.to_bytes()


def test_devices_and_boots_are_apart():
    seen = SeenPacks()
    assert seen.is_new("pump", "b1", 0)
    assert seen.is_new("pump", "b2", 0)
    assert seen.is_new("fan", "b1", 0)
    assert not seen.is_new("pump", "b1", 0)


def test_an_orderly_year_is_one_range():
    seen = SeenPacks()
    for seq in range(100_000):
        assert seen.is_new("pump", "b1", seq)
    assert len(seen.to_bytes()) < 100


def test_what_it_remembers_is_bounded():
    seen = SeenPacks()
    for boot in range(100):
        for seq in range(0, 2_000, 2):
            seen.is_new("pump", f"b{boot}", seq)
    boots = seen._devices["pump"]
    assert list(boots) == [f"b{n}" for n in range(100 - duplicates.BOOTS_KEPT, 100)]
    assert all(len(ranges) == duplicates.RANGES_KEPT for ranges in boots.values())
    assert not seen.is_new("pump", "b99", 1998), "the newest are kept"
