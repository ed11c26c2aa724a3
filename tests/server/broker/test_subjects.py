from hypothesis import given
from hypothesis import strategies as st

from server.broker.subjects import subject_of, topic_of

LEVEL = st.text(st.sampled_from("aB1-_.é:@"), max_size=5)


@given(levels=st.lists(LEVEL, min_size=1, max_size=5).filter(lambda x: x != [""]))
def test_a_topic_survives_the_way_to_its_subject_and_back(levels):
    topic = "/".join(levels)
    assert topic_of(subject_of(topic)) == topic
