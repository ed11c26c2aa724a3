"""One problem is one row: which findings belong together, what speaks for them, and the last word on each."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anomaly.csv_table import Chunk
from anomaly.finding import KINDS, Finding, Kind, finding_id
from anomaly.problems import numbered, others_in_words, problems_of
from anomaly.score_gaps import Gaps
from anomaly.score_plot import Tracks
from anomaly.score_words import grown, undated

DAY = 86_400.0
T0 = 20_486 * DAY


def finding(
    kind: Kind, metric: str, onset: float, ended: float | None = None, severity: float = 0.5
) -> Finding:
    """Onset and end in days; noticed an hour later."""
    metrics = (metric,) if metric else ()
    return Finding(
        finding_id("d", kind, metrics, T0 + onset * DAY), kind, "d", metrics, T0 + onset * DAY, T0 + onset * DAY + 3600,
        None if ended is None else T0 + ended * DAY, 0.8, severity, {}, f"{metric} {kind}.",
    )  # fmt: skip


def test_what_follows_on_one_metric_is_one_problem() -> None:
    first = finding("level_shift", "a", 10, 12)
    again = [finding("deviation", "a", 10.5), finding("level_shift", "a", 12.9, 13)]
    elsewhere = finding("drift", "b", 11)
    one, other = problems_of([elsewhere, *again, first])
    assert one.findings == (first, *again)
    assert (one.head, one.ended_s, one.onset_s) == (first, None, first.onset_s)
    assert others_in_words(one) == "2 more findings on it: deviation, level shift"
    assert other.findings == (elsewhere,)
    assert others_in_words(other) == ""
    assert numbered([elsewhere, *again, first])[elsewhere.id] == 2


def test_the_kind_that_names_a_cause_speaks_for_all_unless_it_came_later() -> None:
    shift = finding("level_shift", "a", 10, severity=0.9)
    beyond = finding("out_of_range", "a", 10.1)
    (one,) = problems_of([shift, beyond])
    assert one.head is beyond
    assert one.severity == 0.9
    (one,) = problems_of([shift, finding("out_of_range", "a", 14)])
    assert one.head is shift


def test_what_begins_together_names_the_other_metrics() -> None:
    (one,) = problems_of(
        [finding("drift", "a", 3, severity=0.9), finding("level_shift", "b [V]", 3.1)]
    )
    assert one.metrics == ("a", "b [V]")
    assert others_in_words(one) == "1 more finding on it: level shift, also of b"


def test_a_weekend_comes_back_at_the_same_time_of_the_week() -> None:
    weekends = [finding("drift", "a", 4.75 + 7 * week, 7 + 7 * week) for week in range(4)]
    lost = finding("rhythm", "a", 4.75 + 28)
    weekly, other = problems_of([*weekends, lost])
    assert weekly.findings == tuple(weekends)
    assert others_in_words(weekly).endswith("; it came back 3 times at the same time of the week")
    assert other.head is lost
    assert len(problems_of([weekends[0], finding("drift", "a", 4.75 + 10)])) == 2


@given(
    st.lists(
        st.tuples(
            st.sampled_from(KINDS), st.sampled_from("abc"), st.integers(0, 40), st.one_of(st.none(), st.integers(0, 9))
        ),
        max_size=12,
    )
)  # fmt: skip
def test_every_finding_is_in_one_problem_whatever_their_order(
    told: list[tuple[Kind, str, int, int | None]],
) -> None:
    unique = {
        made.id: made
        for kind, metric, at, long in told
        for made in [finding(kind, metric, at, None if long is None else at + long)]
    }
    findings = list(unique.values())
    problems = problems_of(findings)
    assert sorted(f.id for p in problems for f in p.findings) == sorted(unique)
    assert problems_of(reversed(findings)) == problems


def course(days: int, per_day: float, step: float) -> tuple[np.ndarray, np.ndarray]:
    """A day's course, and from the tenth day on a step and a slope."""
    hours = np.arange(days * 24)
    noise = np.random.default_rng(2).normal(0, 0.2, len(hours))
    after = np.maximum(hours / 24 - 10, 0)
    means = (
        20 + 2 * np.sin(hours * np.pi / 12) + noise + np.where(after > 0, step, 0) + per_day * after
    )
    return hours + int(T0 / 3600), means


def test_a_step_that_grew_is_a_drift() -> None:
    known = replace(finding("deviation", "air [Cel]", 10), evidence={"unit": "Cel"})
    told = grown(known, *course(20, 0.5, 0))
    assert (told.kind, told.id, told.onset_s) == ("drift", known.id, known.onset_s)
    assert float(told.evidence["grows_per_day"]) == pytest.approx(0.5, abs=0.05)
    assert "has been slowly rising" in told.sentence
    assert "(20 °C)" in told.sentence
    for per_day, step in ((0.0, 3.0), (0.1, 3.0), (0.0, 0.0)):
        assert grown(known, *course(20, per_day, step)) is known
    assert grown(known, *course(12, 0.5, 0)) is known, "two days are no course"
    over = replace(known, ended_s=T0 + 15 * DAY)
    assert grown(over, *course(20, 0.5, 0)) is over


def test_seconds_and_rows_are_no_dates() -> None:
    known = replace(
        finding("stuck", "a", 0),
        onset_s=1200.5,
        detected_s=1300.0,
        sentence="Since Thursday 00:20, a.",
    )
    assert undated(known, numbered=False).sentence == "Since second 1200.5, a."
    assert undated(known, numbered=True).sentence == "Since row 1200.5, a."


def gaps_of(times: np.ndarray, parts: int = 1) -> list[Finding]:
    gaps = Gaps()
    for part in np.array_split(times, parts):
        gaps.take("d", Chunk(0, [], part, np.ones((len(part), 1))))
    return gaps.findings()


@pytest.mark.parametrize("parts", [1, 7])
def test_a_gap_is_told_when_it_is_over(parts: int) -> None:
    times = T0 + np.arange(5000) * 60.0
    times[3000:] += 36 * 3600
    (gap,) = gaps_of(times, parts)
    assert (gap.kind, gap.metrics) == ("gap", ())
    assert (gap.onset_s, gap.ended_s) == (times[2999], times[3000])
    assert "No readings were taken for 36 hours from" in gap.sentence
    assert "every 1 minute" in gap.sentence


def test_pauses_that_are_usual_are_not_told() -> None:
    random = np.random.default_rng(3)
    irregular = T0 + np.cumsum(random.exponential(60, 20_000))
    assert gaps_of(irregular[random.random(len(irregular)) > 0.5]) == []
    nights = T0 + np.concatenate([day * DAY + np.arange(600) * 60.0 for day in range(40)])
    assert len(gaps_of(nights)) == 3, "after three pauses of a kind the fourth is usual"
    assert gaps_of(T0 + np.array([0.0, 1.0, 5e6])) == []
    assert gaps_of(np.array([])) == []


def test_no_line_is_drawn_over_a_pause() -> None:
    tracks = Tracks()
    times = np.arange(5000.0)
    times[3000:] += 1000.0
    tracks.add("d", ["a"], times, np.sin(times)[:, None])
    at, low, high = tracks.envelope(("d", "a"))
    (pause,) = np.flatnonzero(np.isnan(low)).tolist()
    assert (at[pause], at[pause + 1]) == (2999.0, 4000.0)
    assert np.isfinite(low[[0, -1]]).all()
    assert np.isnan(high[pause])
    tracks.add("d", ["one"], np.zeros(1), np.ones((1, 1)))
    assert len(tracks.envelope(("d", "one"))[0]) == 1
