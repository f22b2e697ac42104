"""The measurement: both encoders, and a decoding step, at every length, in turns.

Knows rounds and time. Does not know graphs beyond that they can be run, nor what is told.
"""

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic

from dragoman_export.growth.bundle import MeasuredBundle
from dragoman_export.growth.recurrent import recurrent_encoder, recurrent_inputs
from dragoman_export.growth.sessions import ProfiledGraph, TimedGraph
from dragoman_export.growth.step import TimedStep

MOST_ROUNDS = 31

PROFILED_ROUNDS = 9
"""A profile tells of every node of each run, and is kept until the end."""

BLOCK_SECONDS = 0.02
"""That a sample takes at least: where a run is short, it is the median of several."""


@dataclass
class Point:
    """What was found at one length: of each round a sample."""

    length: int
    encoder_seconds: list[float] = field(default_factory=list)
    """Of encoding one sentence."""
    attention_shares: list[float] = field(default_factory=list)
    """Of the time of the encoder's nodes, in runs of their own with onnxruntime's profile."""
    recurrent_seconds: list[float] = field(default_factory=list)
    """Of the recurrent encoder."""
    step_seconds: list[float] = field(default_factory=list)
    """Of one decoding step, half-way through a translation as long."""

    @property
    def encoder(self) -> float:
        """Median seconds."""
        return statistics.median(self.encoder_seconds)

    @property
    def attention(self) -> float:
        """Of those, attention's."""
        return self.encoder * statistics.median(self.attention_shares)

    @property
    def rest(self) -> float:
        """Those of everything else: linear layers above all."""
        return self.encoder - self.attention

    @property
    def recurrent(self) -> float:
        """Median seconds."""
        return statistics.median(self.recurrent_seconds)

    @property
    def step(self) -> float:
        """Median seconds."""
        return statistics.median(self.step_seconds)


def measure(
    bundle: MeasuredBundle,
    lengths: Sequence[int],
    *,
    threads: int,
    seconds: float,
    tell: Callable[[str], None],
) -> list[Point]:
    """Returns what was found at each length.

    Args:
        bundle: Whose encoder it is.
        lengths: Of the sentences, in tokens, ascending.
        threads: Of each graph.
        seconds: About how long it may take; one round is finished however long that takes.
        tell: Is told of each round.
    """
    points = [Point(length) for length in lengths]
    encoder = TimedGraph(bundle.encoder, threads)
    decoder = TimedStep(bundle.decoder, threads)
    recurrent = TimedGraph(recurrent_encoder(bundle.model_dim, bundle.layers), threads)
    profiles: list[Point] = []

    def sample(point: Point) -> None:
        inputs = bundle.inputs(point.length)
        if len(point.encoder_seconds) <= PROFILED_ROUNDS:
            profiled.run(inputs)
            profiles.append(point)
        point.encoder_seconds.append(encoder.seconds(inputs, BLOCK_SECONDS))
        vectors = recurrent_inputs(bundle.model_dim, point.length)
        point.recurrent_seconds.append(recurrent.seconds(vectors, BLOCK_SECONDS))
        point.step_seconds.append(decoder.seconds(point.length, BLOCK_SECONDS))

    with TemporaryDirectory(prefix="dragoman-growth-") as directory:
        profiled = ProfiledGraph(bundle.encoder, threads, Path(directory))
        _take_turns(points, sample, monotonic() + seconds, tell)
        for point, share in zip(profiles, profiled.shares(), strict=True):
            point.attention_shares.append(share)
    _drop_warm_up(points)
    return points


def _take_turns(
    points: Sequence[Point],
    sample: Callable[[Point], None],
    until: float,
    tell: Callable[[str], None],
) -> None:
    """Takes samples of every point in turns; the first round warms up."""
    took: dict[int, float] = {}
    for number in range(MOST_ROUNDS + 1):
        tell(f"round {number} of at most {MOST_ROUNDS}" if number else "warm up")
        for point in points:
            began = monotonic()
            if number > 1 and began + took[point.length] > until:
                return
            sample(point)
            took[point.length] = monotonic() - began


def _drop_warm_up(points: Sequence[Point]) -> None:
    for point in points:
        del point.encoder_seconds[0], point.attention_shares[0]
        del point.recurrent_seconds[0], point.step_seconds[0]
