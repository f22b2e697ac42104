"""What was measured of a large model, and its table. Knows nothing of how the figures came."""

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from tests.bench.memory_worker import Held, medians
from tests.bench.origin import Origin, write_report
from tests.bench.peak_memory import Usage
from tests.bench.tables import Line, with_range

FLOAT32_BYTES = 4


@dataclass(frozen=True)
class Share:
    """Of a step that the output projection takes: medians of steps."""

    rows: int
    step_ms: float
    projection_ms: float

    @property
    def share(self) -> float:
        """Of the step."""
        return self.projection_ms / self.step_ms


@dataclass(frozen=True)
class Race:
    """Two systems with one beam size, in turns."""

    beam_size: int
    ours: list[float]
    """Target tokens per second of each round."""
    peer: list[float]
    how: str
    """Engines x threads, rows."""
    peer_how: str
    tuning: dict[str, float]
    """The peer's tokens per second at every setting that was tried to find the best."""

    @property
    def ratio(self) -> float:
        """Median of those within each round."""
        rounds = zip(self.ours, self.peer, strict=True)
        return statistics.median(ours / peer for ours, peer in rounds)


@dataclass(frozen=True)
class Memories:
    """Of two systems at the same work, as libraries; a run each in turns."""

    rows: int
    ours: list[Held]
    peer: list[Held]

    @classmethod
    def parse(cls, fields: dict[str, Any]) -> Self:
        """Reads what came through JSON."""
        ours, peer = ([Held(**held) for held in fields[name]] for name in ("ours", "peer"))
        return cls(fields["rows"], ours, peer)

    def medians(self, figure: str) -> tuple[float, float]:
        """Of all runs, ours and the peer's."""
        return medians(figure, self.ours, self.peer)


@dataclass
class Measured:
    """One precision; None is what was left out."""

    precision: str
    export: Usage | None = None
    bundle_bytes: int | None = None
    starts: list[float] = field(default_factory=list)
    """Seconds until the server is ready."""
    served_bytes: int | None = None
    """The server's own memory once it is ready."""
    conversion: Usage | None = None
    """By CTranslate2's converter."""
    memories: Memories | None = None
    projection: Share | None = None
    races: list[Race] = field(default_factory=list)

    @classmethod
    def parse(cls, fields: dict[str, Any]) -> Self:
        """Reads what came through JSON."""
        made: dict[str, Any] = {
            name: kind(**fields[name])
            for name, kind in (("export", Usage), ("conversion", Usage), ("projection", Share))
            if fields[name] is not None
        }
        if fields.get("memories") is not None:
            made["memories"] = Memories.parse(fields["memories"])
        return cls(**fields | made | {"races": [Race(**race) for race in fields["races"]]})


@dataclass(frozen=True)
class LargeReport:
    """Everything that the benchmark found of a model."""

    origin: Origin
    model: str
    sizes: str
    parameters: int
    workload: str
    check_seconds: list[float]
    """Of `dragoman export --check`, each time."""
    measured: list[Measured]

    def save(self, path: Path) -> None:
        """Writes JSON."""
        write_report(path, "large", self)

    @classmethod
    def parse(cls, fields: dict[str, Any]) -> Self:
        """Reads what `save` wrote."""
        return cls(**fields | {"measured": [Measured.parse(each) for each in fields["measured"]]})


Cell = Callable[[Measured], str | None]
"""What a precision's column says; None where it was not measured."""


def large_table(report: LargeReport) -> tuple[Line, list[Line]]:
    """Returns headings and lines: a column for each precision. What nobody measured has no line."""
    whole = FLOAT32_BYTES * report.parameters
    columns = report.measured
    checked = report.check_seconds and f"{with_range(report.check_seconds, '.1f')} s"
    rows: list[tuple[str, Cell]] = [
        ("checkpoint in float32", lambda _: _gigabytes(whole)),
        ("`dragoman export --check`", lambda _: checked or None),
        ("`dragoman export`", lambda each: _seconds(each.export)),
        ("its own memory at most", lambda each: _own(each.export, whole)),
        ("mapped files' pages included", lambda each: _all(each.export, whole)),
        ("bundle", lambda each: _gigabytes(each.bundle_bytes)),
        (
            "`dragoman serve` until ready",
            lambda each: f"{with_range(each.starts, '.1f')} s" if each.starts else None,
        ),
        ("the server's own memory", lambda each: _gigabytes(each.served_bytes)),
        (
            "CTranslate2's converter",
            lambda each: _seconds(each.conversion),
        ),
        ("its own memory at most", lambda each: _own(each.conversion, whole)),
    ]
    for beam in dict.fromkeys(race.beam_size for each in columns for race in each.races):
        rows += _race_rows(beam)
    rows += [
        ("to load as a library, CTranslate2", _loads),
        ("memory then, and at most at the same work", _memories),
        ("output projection's share of a step", _projection),
    ]
    lines: list[Line] = [
        (title, *(cell or "" for cell in cells))
        for title, tell in rows
        if any(cells := [tell(each) for each in columns])
    ]
    return ("", *(each.precision for each in columns)), lines


def _race_rows(beam: int) -> list[tuple[str, Cell]]:
    search = "greedy" if beam == 1 else f"beam {beam}"

    def told(tell: Callable[[Race], str]) -> Cell:
        return lambda each: next((tell(r) for r in each.races if r.beam_size == beam), None)

    return [
        (
            f"{search}, Dragoman, tokens/s",
            told(lambda race: f"{with_range(race.ours, ',.1f')}; {race.how}"),
        ),
        (
            f"{search}, CTranslate2, tokens/s",
            told(lambda race: f"{with_range(race.peer, ',.1f')}; {race.peer_how}"),
        ),
        (f"{search}, ratio", told(lambda race: f"{race.ratio:.2f}")),
    ]


def _seconds(usage: Usage | None) -> str | None:
    return None if usage is None else f"{usage.seconds:,.0f} s"


def _gigabytes(size: float | None) -> str | None:
    return None if size is None else f"{size / 1e9:.2f} GB"


def _own(usage: Usage | None, whole: int) -> str | None:
    if usage is None:
        return None
    when = f", {usage.stage}" if usage.stage else ""
    return f"{_gigabytes(usage.own_bytes)}, {usage.own_bytes / whole:.2f} of the checkpoint{when}"


def _all(usage: Usage | None, whole: int) -> str | None:
    if usage is None:
        return None
    return f"{_gigabytes(usage.all_bytes)}, {usage.all_bytes / whole:.2f} of the checkpoint"


def _loads(each: Measured) -> str | None:
    if each.memories is None:
        return None
    return "{:.1f} s, {:.1f} s".format(*each.memories.medians("seconds"))


def _memories(each: Measured) -> str | None:
    if (found := each.memories) is None:
        return None
    loaded, peaks = found.medians("loaded_bytes"), found.medians("peak_bytes")
    pairs = (f"{_gigabytes(ours)} and {_gigabytes(peer)}" for ours, peer in (loaded, peaks))
    return f"{', '.join(pairs)}: {peaks[0] / peaks[1]:.2f} at {found.rows} rows"


def _projection(each: Measured) -> str | None:
    found = each.projection
    if found is None:
        return None
    return f"{found.share:.0%} of {found.step_ms:.0f} ms at {found.rows} rows"


def tuning_lines(columns: Sequence[Measured]) -> list[str]:
    """Returns a line for each precision and beam: the peer's speed at every setting."""
    return [
        f"{each.precision}, beam {race.beam_size}, CTranslate2's tokens/s at every setting: "
        + "; ".join(f"{how} {speed:,.1f}" for how, speed in race.tuning.items())
        for each in columns
        for race in each.races
    ]
