"""VUS-PR: volume under the range-based precision-recall surface (Paparrizos et al., VLDB 2022).

Labels get sloping shoulders of every width from 0 to `window` rows, and the area under the
precision-recall curve, with recall multiplied by the share of events touched, is averaged over
the widths. Written from the paper; the reference test computes it the slow way.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Spans = list[tuple[int, int]]


def spans_of(labels: npt.NDArray[np.bool_]) -> Spans:
    """Events as first and last row, both included."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], labels, [False])).astype(np.int8)))
    return [(int(a), int(b) - 1) for a, b in zip(edges[::2], edges[1::2], strict=True)]


def _shoulders(rows: int, spans: Spans, window: int) -> Floats:
    soft = np.zeros(rows)
    for first, last in spans:
        soft[first : last + 1] += 1.0
        if window < 2:
            continue
        after = np.arange(last + 1, min(last + window // 2 + 1, rows))
        soft[after] += np.sqrt(1.0 - (after - last) / window)
        before = np.arange(max(first - window // 2, 0), first)
        soft[before] += np.sqrt(1.0 - (first - before) / window)
    return np.minimum(soft, 1.0)


def _merged(rows: int, spans: Spans, reach: int) -> Spans:
    merged: Spans = []
    for first, last in spans:
        left, right = max(first - reach, 0), min(last + reach, rows - 1)
        if merged and left <= merged[-1][1]:
            merged[-1] = (merged[-1][0], right)
        else:
            merged.append((left, right))
    return merged


def vus_pr(labels: npt.NDArray[np.bool_], scores: Floats, window: int, levels: int = 250) -> float:
    """Volume 0..1 for labels and scores of shape (n,); `levels` thresholds at score quantiles."""
    rows, spans = len(labels), spans_of(labels)
    order = np.sort(scores)[::-1]
    cuts = order[np.linspace(0, rows - 1, levels).astype(int)]
    ranked = np.sort(scores)
    predicted = rows - np.searchsorted(ranked, cuts, "left")
    areas = []
    for width in range(window + 1):
        soft = _shoulders(rows, spans, width)
        segments = _merged(rows, spans, width // 2)
        peaks = np.array([scores[a : b + 1].max() for a, b in segments])
        touched = (peaks[:, None] >= cuts).mean(axis=0)
        by_score = np.argsort(scores, kind="stable")[::-1]
        gained = np.concatenate(([0.0], np.cumsum(soft[by_score])))
        hit = gained[predicted]
        hard = labels[by_score]
        shoulder = np.concatenate(([0.0], np.cumsum(np.where(hard, 0.0, soft[by_score]))))
        weight = (labels.sum() + labels.sum() + shoulder[predicted]) / 2.0
        recall = np.minimum(hit / weight, 1.0) * touched
        precision = hit / predicted
        areas.append(float(np.sum(np.diff(np.append(0.0, recall)) * precision)))
    return float(np.mean(areas))
