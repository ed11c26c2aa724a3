"""What three common detectors make of the same faults: recall, and false episodes on the rooms left as they are.

Every eighth room, three metrics, the faults of injected.py. Each peer has the same five healthy days, and
its threshold from them without hindsight:
- 4-sigma rule: mean and spread of the first five days, any sample beyond.
- k-means as Netdata does it: two clusters of six lagged, differenced, smoothed readings, a model of the last
  six hours every three hours, 18 kept; a sample is anomalous when all models put it beyond 99 % of their
  training distances; alarm when an hour's share of such samples exceeds every hour of days two to five.
- River's HalfSpaceTrees (its defaults) on means of five minutes scaled by the first two
  days; alarm when a score exceeds every score of days two to five. `pip install .[benchmarks]`.
"""

from __future__ import annotations

import copy
import sys
from collections import defaultdict
from collections.abc import Callable

import numpy as np
from injected import KINDS, METRICS, SEED, SIGMAS, START_DAY, inject
from river.anomaly import HalfSpaceTrees
from sklearn.cluster import KMeans
from telemetry import episodes, report, rooms

DAY_S, HOUR_S = 86400.0, 3600.0
EVERY = int(sys.argv[1]) if len(sys.argv) > 1 else 8  # the peers are slow: every eighth room
Alarms = np.ndarray
Judge = Callable[[np.ndarray], Alarms]


def four_sigma(times: np.ndarray, healthy: np.ndarray) -> Judge:
    first = healthy[times < times[0] + START_DAY * DAY_S]
    mean, spread = np.nanmean(first), np.nanstd(first)
    return lambda values: times[np.abs(values - mean) > 4 * spread]


def features(values: np.ndarray) -> np.ndarray:
    filled = values[np.maximum.accumulate(np.where(np.isfinite(values), np.arange(len(values)), 0))]
    moved = np.convolve(np.diff(filled, prepend=filled[0]), np.ones(3) / 3)[: len(filled)]
    lagged = [np.concatenate([np.zeros(lag), moved[: len(moved) - lag]]) for lag in range(6)]
    return np.abs(np.stack(lagged, axis=1))


def netdata(times: np.ndarray, _healthy: np.ndarray) -> Judge:
    kept: dict[bytes, tuple[np.ndarray, float]] = {}

    def fitted(part: np.ndarray) -> tuple[np.ndarray, float]:
        key = part.tobytes()
        if key not in kept:
            model = KMeans(2, n_init=1, max_iter=50, random_state=0).fit(part)
            kept[key] = (
                model.cluster_centers_,
                float(np.quantile(model.transform(part).min(axis=1), 0.99)),
            )
        return kept[key]

    def judge(values: np.ndarray) -> Alarms:
        rows, into = features(values), times - times[0]
        bits, here = np.zeros(len(times), bool), np.isfinite(values)
        models: list[tuple[np.ndarray, float]] = []
        for start in np.arange(6 * HOUR_S, into[-1], 3 * HOUR_S):
            part = rows[(into >= start - 6 * HOUR_S) & (into < start) & here]
            if len(part) > 60:
                models = [*models, fitted(part)][-18:]
            now = np.flatnonzero((into >= start) & (into < start + 3 * HOUR_S) & here)
            if len(now) and models:
                beyond = [
                    np.linalg.norm(rows[now, None] - centres, axis=2).min(axis=1) > limit
                    for centres, limit in models
                ]
                bits[now] = np.all(beyond, axis=0)
        hour = (into // HOUR_S).astype(int)
        rate = np.bincount(hour, bits) / np.maximum(np.bincount(hour), 1)
        starts = times[0] + HOUR_S * (1 + np.arange(len(rate)))
        known = (starts >= times[0] + 2 * DAY_S) & (starts <= times[0] + START_DAY * DAY_S)
        return starts[(rate > rate[known].max()) & (starts > times[0] + START_DAY * DAY_S)]

    return judge


def half_space_trees(times: np.ndarray, healthy: np.ndarray) -> Judge:
    five = ((times - times[0]) // 300).astype(int)
    starts = times[0] + 300.0 * (1 + np.arange(five.max() + 1))
    learned = starts <= times[0] + START_DAY * DAY_S

    def means(values: np.ndarray) -> np.ndarray:
        here = np.isfinite(values)
        total = np.bincount(five[here], values[here], len(starts))
        counts = np.bincount(five[here], minlength=len(starts))
        return np.where(counts > 0, total / np.maximum(counts, 1), np.nan)

    def step(model: HalfSpaceTrees, value: float) -> float:
        score = model.score_one({"value": value})
        model.learn_one({"value": value})
        return float(score)

    usual = means(healthy)
    first = usual[starts <= times[0] + 2 * DAY_S]
    low, width = np.nanmin(first), max(float(np.ptp(first[np.isfinite(first)])), 1e-9)
    model = HalfSpaceTrees(seed=1)
    scores = [step(model, (x - low) / width) for x in usual[learned] if np.isfinite(x)]
    limit = max(scores[2 * 288 :])

    def judge(values: np.ndarray) -> Alarms:
        mine, after = copy.deepcopy(model), means(values)
        told = [
            at
            for at, x in zip(starts[~learned], after[~learned], strict=True)
            if np.isfinite(x) and step(mine, (x - low) / width) > limit
        ]
        return np.array(told)

    return judge


PEERS = {"four_sigma": four_sigma, "k_means": netdata, "half_space_trees": half_space_trees}


def main() -> None:
    random = np.random.default_rng(SEED)
    hit: dict[str, dict[str, list[bool]]] = defaultdict(lambda: defaultdict(list))
    false, days = defaultdict(int), 0.0
    for number, (room, (metrics, times, values)) in enumerate(rooms()):
        if times[-1] - times[0] < (START_DAY + 1.5) * DAY_S or room == "419" or number % EVERY:
            continue
        onset = times[0] + START_DAY * DAY_S
        days += (times[-1] - onset) / DAY_S
        raised = defaultdict(list)
        for metric in METRICS:
            column = values[:, metrics.index(metric)]
            judges = {name: make(times, column) for name, make in PEERS.items()}
            for name, judge in judges.items():
                raised[name].extend(t for t in judge(column) if t >= onset)
            for kind in KINDS:
                for sigmas in SIGMAS if kind not in {"stuck", "dropout"} else (0.0,):
                    faulty = inject(kind, times, column, sigmas, random)
                    label = f"{kind} {sigmas:g} sigma" if sigmas else kind
                    for name, judge in judges.items():
                        hit[name][label].append(bool((judge(faulty) >= onset).any()))
        for name in PEERS:
            false[name] += episodes(raised[name])
    result = {
        name: {
            "false_episodes_per_device_day": round(false[name] / days, 3),
            "recall": {label: round(float(np.mean(told)), 3) for label, told in hit[name].items()},
            "recall_overall": round(float(np.mean(np.concatenate(list(hit[name].values())))), 3),
        }
        for name in PEERS
    }
    report("injected_peers", {"device_days_untouched": round(days, 1), "peers": result})


if __name__ == "__main__":
    main()
