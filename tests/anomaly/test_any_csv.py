"""Any table, of any shape and any values, is scored or refused with a sentence: no warning, no traceback.

Warnings are errors in this test run, so an overflow or an empty mean inside would fail the tests too.
"""

# ruff: noqa: PT017 - either outcome is right, and each is checked

from __future__ import annotations

import csv
import gzip
import io
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from anomaly import LifeError, ScoreError
from anomaly.fleet.life import fit, predict
from anomaly.score import score_csv

TRIES = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

NAMES = st.sampled_from([
    "time", "timestamp", "t", "date", "uptime", "a", "a", "b", "A", "", " ", "temp [°C]", "flow (l/min)",
    "humidity", "co2", "metric", "value", "device", "sensor", "nan", "7", "-1e400", "Größe", 'say "x"',
    "two\nlines", "温度", "semi;colon", "com,ma", "tab\tbed", "=1+1", "../x", "\ufeffbom", "\u202eltr", "x" * 300, "{y}", "[z]",
])  # fmt: skip
ODD = st.sampled_from([
    "", " ", "nan", "NaN", "inf", "-inf", "1e308", "-1e308", "1e400", "5e-324", "1e-300", "0", "-0.0", "1e16",
    "9007199254740993", "true", "off", "1_000", "3,5", "21 °C", "12 %", "0x1f", "1.2.3", "٣", "None", "n/a", "-", "bob",
    'a "quoted" word', "two\nlines", "\0", "1\0", "2024-01-01", "1e999", "+5", "1e5 ", "1709510400\n", '"',
])  # fmt: skip
START_S = 1_709_510_400
KINDS = [
    "steady",
    "constant",
    "noisy",
    "step",
    "ramp",
    "counter",
    "huge",
    "tiny",
    "odd",
    "empty",
    "mixed",
]


def course(kind: str, rows: int, seed: int) -> list[str]:
    """Cells of one column."""
    random = np.random.default_rng(seed)
    noise, at = random.normal(0.0, 1.0, rows), np.arange(rows)
    numbers = {
        "steady": 20.0 + 0.1 * noise,
        "constant": np.full(rows, 7.0),
        "noisy": noise * 10.0 ** random.integers(-9, 9),
        "step": np.where(at > rows * 0.7, 1e6, 1.0) + noise,
        "ramp": at * 0.01 + 0.001 * noise,
        "counter": (at % 37) * 1000.0,
        "huge": np.clip(noise, -1.7, 1.7) * 1e308,
        "tiny": noise * 5e-320,
    }  # fmt: skip
    if kind == "empty":
        return [""] * rows
    if kind == "mixed":  # half Celsius, half kelvin
        return [f"{20 + n:.2f}" if i % 2 else f"{293 + n:.2f} K" for i, n in enumerate(noise)]
    if kind == "odd":
        return ["inf" if n > 1.5 else "" if n > 0.5 else f"{n!r}" for n in noise.tolist()]
    return [repr(number) for number in numbers[kind].tolist()]


def moments(kind: str, rows: int, seed: int) -> list[str]:
    """Cells of the column of times."""
    random = np.random.default_rng(seed)
    seconds = START_S + np.arange(rows) * 60.0
    shown = {
        "epoch": seconds,
        "ms": seconds * 1e3,
        "ns": seconds * 1e9,
        "numbers": np.arange(rows) * 1.0,
        "backwards": seconds[::-1],
        "shuffled": random.permutation(seconds),
        "same": np.full(rows, START_S),
        "in pairs": np.repeat(seconds, 2)[:rows],
        "hours": START_S + np.arange(rows) * 3600.0,
        "days apart": START_S + np.arange(rows) * 86_400.0 * 3,
        "far": np.linspace(-1e300, 1e300, rows),
        "fine": START_S + np.arange(rows) * 1e-7,
        "gap": np.where(np.arange(rows) > rows // 2, seconds + 1e9, seconds),
    }  # fmt: skip
    if kind == "iso":
        return [str(np.datetime64(int(s), "s")) for s in seconds]
    if kind == "centuries":
        return [str(np.datetime64(int(s * 100) % 200_000_000_000, "s")) for s in seconds]
    return [repr(float(second)) for second in shown[kind]]


MOMENTS = [
    "epoch", "hours", "ms", "ns", "numbers", "backwards", "shuffled", "same", "in pairs", "days apart", "far", "fine", "gap",
    "iso", "centuries",
]  # fmt: skip


class Odd(bytes):
    """A generated file; hypothesis shows its beginning, and the test's folder keeps the last one."""

    def __repr__(self) -> str:
        return f"Odd({self[:400]!r}{'…' if len(self) > 400 else ''})"


def as_csv(
    header: list[str] | None, rows: list[list[str]], delimiter: str, end: str, codec: str, *, bom: bool
) -> Odd:  # fmt: skip
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter, lineterminator=end)
    writer.writerows(rows if header is None else [header, *rows])
    return Odd((b"\xef\xbb\xbf" if bom else b"") + text.getvalue().encode(codec, "replace"))


@st.composite
def tables(draw: st.DrawFn) -> Odd:
    rows = draw(st.sampled_from([0, 1, 2, 3, 40, 40, 900]))
    kinds = draw(st.lists(st.sampled_from(KINDS), min_size=0, max_size=4))
    columns = [course(kind, rows, draw(st.integers(0, 5))) for kind in kinds]
    header = [draw(NAMES) for _ in kinds]
    if draw(st.booleans()):
        columns.insert(0, moments(draw(st.sampled_from(MOMENTS)), rows, 1))
        header.insert(0, draw(st.sampled_from(["time", "when", "Date", ""])))
    if rows > 3 and draw(st.booleans()):  # one reading per line
        columns.append([f"m{i % 3}" for i in range(rows)])
        columns.append(course(draw(st.sampled_from(KINDS)), rows, 1))
        header += ["metric", "value"]
    table = [list(row) for row in zip(*columns, strict=True)]
    for _ in range(draw(st.integers(0, 3))):
        if table and table[0]:
            row = draw(st.integers(0, len(table) - 1))
            table[row][draw(st.integers(0, len(table[0]) - 1))] = draw(ODD)
    if table and draw(st.integers(0, 5)) == 0:
        table[-1] = table[-1][: len(table[-1]) // 2]
    return as_csv(
        header if draw(st.integers(0, 4)) else None,
        table,
        draw(st.sampled_from([",", ";", "\t"])),
        draw(st.sampled_from(["\n", "\r\n", "\r"])),
        draw(st.sampled_from(["utf-8", "utf-8", "latin-1", "utf-16"])),
        bom=draw(st.booleans()),
    )


def no_number(name: str) -> float:
    raise AssertionError(f"{name} is no JSON")


def check(path: Path, **options: object) -> None:
    """Scored with files that are whole, or refused with a sentence that names the file."""
    out, found = path.parent / "s.csv", path.parent / "f.json"
    try:
        report = score_csv([path], out=out, findings=found, **options)  # type: ignore[arg-type]
    except ScoreError as error:
        assert str(error).startswith(path.name)
        assert len(str(error)) > len(path.name) + 5
        return
    with out.open(newline="", encoding="utf-8") as stream:
        lines = list(csv.reader(stream))
    assert lines[0] == ["time", "device", "metric", "score", "alarm"]
    assert all(
        len(line) == 5 and 0 <= float(line[3]) <= 1 and line[4] in "01" for line in lines[1:]
    )
    told = json.loads(found.read_text("utf-8"), parse_constant=no_number)
    assert len(told) == len(report.findings)
    assert all(entry["sentence"].endswith((".", "?", ")")) for entry in told)
    assert all(
        "nan" not in entry["sentence"] for entry in told if "nan" not in str(entry["metrics"])
    )


@TRIES
@given(table=tables(), packed=st.booleans(), commission=st.sampled_from([None, 1, 30, 10_000]))
def test_any_table_is_scored_or_refused(
    tmp_path: Path, table: Odd, packed: bool, commission: int | None
) -> None:
    path = tmp_path / ("any.csv.gz" if packed else "any.csv")
    path.write_bytes(gzip.compress(table, 1) if packed else table)
    check(path, commission_rows=commission)


@settings(TRIES, max_examples=10)
@given(made=st.lists(tables(), min_size=1, max_size=7))
def test_any_tables_together_are_one_cohort_or_refused(tmp_path: Path, made: list[Odd]) -> None:
    paths = [tmp_path / f"{place}.csv" for place in range(len(made))]
    for path, table in zip(paths, made, strict=True):
        path.write_bytes(table)
    try:
        report = score_csv(paths, findings=tmp_path / "f.json")
    except ScoreError as error:
        assert str(error).split(":")[0] in {path.name for path in paths}
        return
    assert len(set(report.devices)) == len(report.devices) >= len(paths)


@settings(TRIES, max_examples=5)
@given(table=tables())
def test_any_table_is_drawn_or_refused(tmp_path: Path, table: Odd) -> None:
    path = tmp_path / "any.csv"
    path.write_bytes(table)
    try:
        score_csv([path], plot=tmp_path / "p.svg")
    except ScoreError as error:
        assert str(error).startswith("any.csv")
        return
    assert (tmp_path / "p.svg").read_text("utf-8").rstrip().endswith("</svg>")


def test_ten_thousand_columns_are_scored(tmp_path: Path) -> None:
    columns = 10_000
    table = np.random.default_rng(2).normal(5.0, 1.0, (12, columns)).round(2)
    path = tmp_path / "wide.csv"
    lines = [",".join(["time", *(f"c{i}" for i in range(columns))])]
    lines += [
        ",".join([str(START_S + 60 * i), *map(str, row)]) for i, row in enumerate(table.tolist())
    ]
    path.write_text("\n".join(lines))
    report = score_csv([path], out=tmp_path / "s.csv")
    assert (report.rows, report.findings) == (12, [])
    with (tmp_path / "s.csv").open() as stream:
        assert sum(1 for _ in stream) == 1 + 12 * (columns + 1)


def refused_or_scored(tmp_path: Path, text: str, **options: object) -> None:
    (tmp_path / "any.csv").write_text(text, "utf-8", newline="")
    check(tmp_path / "any.csv", **options)


@pytest.mark.parametrize("moment", ["1e300", "-1e300", "1e27"])
def test_a_number_too_far_to_be_a_time_is_named(tmp_path: Path, moment: str) -> None:
    (tmp_path / "any.csv").write_text(f"time,v\n{moment},1\n")
    with pytest.raises(ScoreError, match=r"any.csv: line 2: .* is not a time"):
        score_csv([tmp_path / "any.csv"])


def test_numbers_beyond_any_quantity_are_missing(tmp_path: Path) -> None:
    lines = [f"{START_S + 60 * i},{(-1) ** i * 1.5e308},{i % 5}" for i in range(900)]
    (tmp_path / "any.csv").write_text("time,huge,v\n" + "\n".join(lines))
    report = score_csv([tmp_path / "any.csv"], plot=tmp_path / "p.svg")
    assert any("900 cells hold no number" in note for note in report.notes)


def test_a_spike_from_next_to_nothing_is_a_finite_number_of_bands(tmp_path: Path) -> None:
    random = np.random.default_rng(3)
    values = random.normal(0.0, 1.0, 900) * 5e-320
    values[[700, 720, 740]] = 3.0
    lines = [f"{START_S + 60 * i},{value!r}" for i, value in enumerate(values.tolist())]
    refused_or_scored(tmp_path, "time,v\n" + "\n".join(lines), commission_rows=30)
    (spike,) = json.loads((tmp_path / "f.json").read_text())
    assert spike["kind"] == "spike"
    assert spike["evidence"]["times_its_band"] == 1e9


def test_names_and_times_of_several_lines_keep_the_scores_whole(tmp_path: Path) -> None:
    rows = [f'{START_S + 60 * i},{i % 5},"{i}\n"' for i in range(40)]
    rows[20] = f'"{START_S + 1200}\n",3,4'
    refused_or_scored(tmp_path, 'time,"two\nlines","a, ""b"""\n' + "\n".join(rows))
    with (tmp_path / "s.csv").open(newline="") as stream:
        names = {line[2] for line in csv.reader(stream)}
    assert names == {"metric", "", "two\nlines", 'a, "b"'}


@pytest.mark.parametrize("quoted", ["x" * 200_000, "x\n" * 30])
def test_a_header_without_end_is_refused_or_read(tmp_path: Path, quoted: str) -> None:
    refused_or_scored(tmp_path, f'time,"{quoted}"\n1,2\n2,3\n')


def test_a_stray_quote_in_the_header_swallows_no_rows(tmp_path: Path) -> None:
    rows = "".join(f"{START_S + 60 * i},{i},2\n" for i in range(60))
    (tmp_path / "any.csv").write_text(f'time,"bore,stroke\n{rows}')
    assert score_csv([tmp_path / "any.csv"]).rows == 60


def test_a_name_the_font_lacks_is_drawn(tmp_path: Path) -> None:
    (tmp_path / "any.csv").write_text("time,温度\t℃\n1,2\n2,3\n", "utf-8")
    score_csv([tmp_path / "any.csv"], plot=tmp_path / "p.png")
    assert (tmp_path / "p.png").read_bytes().startswith(b"\x89PNG")


@settings(TRIES, max_examples=3)
@given(kinds=st.lists(st.sampled_from(KINDS), min_size=1, max_size=3),
       clocks=st.lists(st.sampled_from(MOMENTS), min_size=1, max_size=4), end=ODD)  # fmt: skip
def test_any_units_are_learned_from_or_refused(
    tmp_path: Path, kinds: list[str], clocks: list[str], end: str
) -> None:
    path, rows = tmp_path / "units.csv", []
    for unit, clock in enumerate(clocks):
        columns = [course(kind, 40, unit) for kind in kinds]
        rows += [
            [f"u{unit}", *cells] for cells in zip(moments(clock, 40, unit), *columns, strict=True)
        ]
    rows[-1][-1] = end
    path.write_bytes(as_csv(["u", "t", *kinds], rows, ";", "\r\n", "utf-8", bom=True))
    try:
        fit(path, unit="u", time="t", out=tmp_path / "m.skops")
        told = predict(path, model=tmp_path / "m.skops", out=tmp_path / "o.csv")
    except LifeError as error:
        assert len(str(error).split()) > 3
        return
    assert [unit for unit, *_ in told] == [f"u{unit}" for unit in range(len(clocks))]
    assert all(0 <= low <= remaining <= high < np.inf for _, remaining, low, high in told)
