"""What is told of a measurement: a table, a sentence, and JSON with every sample."""

import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from typing import Any

from dragoman.machine import cores, processor
from dragoman_export.growth.bundle import MeasuredBundle
from dragoman_export.growth.fit import Polynomial, fit, meeting
from dragoman_export.growth.measure import Point

LIBRARIES = ("dragoman", "numpy", "onnx", "onnxruntime")

RECURRENT = "bidirectional LSTM"

LEAST = 1e-9
"""Seconds: what takes less counts as this."""

HEADINGS = (
    *(
        "tokens",
        "encoder",
        "attention",
        "share",
        "linear layers",
        "fitted",
        RECURRENT,
        "as much",
        "step",
    ),
)


@dataclass(frozen=True)
class Growth:
    """A measurement of one bundle."""

    bundle: MeasuredBundle
    threads: int
    points: list[Point]
    """Ascending by length."""
    load_averages: list[float]
    """Of the machine's last minute, before and after: what else it had to do, and this."""

    @property
    def lengths(self) -> list[int]:
        """Source tokens."""
        return [point.length for point in self.points]

    @property
    def whole(self) -> Polynomial:
        """Fitted to the encoder's medians, in seconds, whatever its parts took."""
        return fit(self.lengths, [point.encoder for point in self.points])

    @property
    def parts(self) -> Polynomial:
        """What is fitted to attention's medians, with a square, and to the rest's, without one."""
        attention = fit(self.lengths, self._attention, powers=(1, 2))
        rest = fit(self.lengths, self._rest, powers=(0, 1))
        return Polynomial(*(sum(pair) for pair in zip(attention, rest, strict=True)))

    @property
    def _attention(self) -> list[float]:
        return [max(point.attention, LEAST) for point in self.points]

    @property
    def _rest(self) -> list[float]:
        return [max(point.rest, LEAST) for point in self.points]

    @property
    def even(self) -> float | None:
        """The length from which attention takes at least as long as all the rest of the encoder.

        Where it does not come to that, the one at which the fitted quadratic part is as much as the
        linear one, beyond the longest; None where there is no such part.
        """
        if (measured := meeting(self.lengths, self._attention, self._rest)) is not None:
            return measured
        if self._attention[-1] >= self._rest[-1]:
            return self.lengths[0]  # it does so everywhere
        even = self.parts.even
        return None if even is None else max(even, self.lengths[-1])

    @property
    def encoder_meets(self) -> float | None:
        """From where the encoder takes at least as long as the recurrent one, where it comes to."""
        encoder = [point.encoder for point in self.points]
        return meeting(self.lengths, encoder, [point.recurrent for point in self.points])

    def table(self) -> str:
        """Returns the medians, in milliseconds, for a terminal."""
        rows = [HEADINGS, *(self._row(point) for point in self.points)]
        widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
        return "\n".join(
            "  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True))
            for row in rows
        )

    def _row(self, point: Point) -> Sequence[str]:
        return (
            f"{point.length:,}",
            _milliseconds(point.encoder),
            _milliseconds(point.attention),
            f"{point.attention / point.encoder:.0%}",
            _milliseconds(point.rest),
            _milliseconds(self.whole.at(point.length)),
            _milliseconds(point.recurrent),
            f"{point.recurrent / point.encoder:.2f}",
            _milliseconds(point.step),
        )

    def sentence(self) -> str:
        """Returns where the curves meet."""
        return f"{self._quadratic()}; {self._recurrent()}."

    def _quadratic(self) -> str:
        even, longest = self.even, self.lengths[-1]
        if even is None:
            return "At these lengths nothing is seen to grow with the square"
        said = "Attention, which grows with the square of the length, takes as long as all the rest"
        said += f" at {_rounded(even)} tokens"
        if even > self.bundle.max_positions:
            said += f", more than the model takes ({self.bundle.max_positions:,})"
        elif even > longest:
            said += f", more than was measured ({longest:,})"
        return said

    def _recurrent(self) -> str:
        if (meets := self.encoder_meets) is not None:
            return f"a {RECURRENT} of its width and depth takes less time from {_rounded(meets)} on"
        told = [
            f"{point.recurrent / point.encoder:.2f} times as long at {point.length:,}"
            for point in (self.points[0], self.points[-1])
        ]
        return f"a {RECURRENT} of its width and depth takes {' and '.join(told)}"

    def json(self) -> dict[str, Any]:
        """Returns everything; times in seconds."""
        bundle = asdict(self.bundle)
        del bundle["encoder"], bundle["decoder"]
        return {
            "machine": {"processor": processor(), "cores": cores(), "threads": self.threads}
            | {"load_averages": self.load_averages},
            "versions": {"python": platform.python_version()}
            | {name: version(name) for name in LIBRARIES},
            "bundle": bundle,
            "recurrent": {
                "kind": RECURRENT,
                "layers": self.bundle.layers,
                "width": self.bundle.model_dim,
                "precision": "float32",
            },
            "fitted_to_parts": self.parts._asdict(),
            "fitted_to_whole": self.whole._asdict(),
            "attention_as_rest_tokens": self.even,
            "encoder_as_recurrent_tokens": self.encoder_meets,
            "sentence": self.sentence(),
            "points": [asdict(point) for point in self.points],
        }


def _milliseconds(seconds: float) -> str:
    return f"{1e3 * seconds:,.3f}"


def _rounded(tokens: float) -> str:
    """To two digits: more nobody knows."""
    return f"about {float(f'{tokens:.2g}'):,.0f}"
