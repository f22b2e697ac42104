"""Calls `dragoman load` and reads its JSON: one tool for both servers.

Knows the tool's flags. Does not know what is compared.
"""

import json
import subprocess
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tests.integration.served import COMMAND


@dataclass(frozen=True)
class Load:
    """What is sent."""

    source: Path
    target_lengths: Path | None = None
    """Where the model's weights are random."""
    duration: float = 30.0
    trial_duration: float = 12.0
    timeout: float | None = None
    """Deadline of each request, in seconds; None for the tool's own."""

    def peak(self, address: str, metrics: str, start: float | None) -> dict[str, Any]:
        """Looks for the peak; returns the report."""
        start_flags = [] if start is None else ["--target-qps", f"{start:g}"]
        return self._run(address, metrics, ["--find-peak", *start_flags])

    def at(self, address: str, metrics: str, rate: float, *, briefly: bool) -> dict[str, Any]:
        """Offers a rate, for as long as a step of a search where `briefly`; returns the report."""
        load = replace(self, duration=self.trial_duration) if briefly else self
        return load._run(address, metrics, ["--target-qps", f"{rate:g}"])

    def offline(self, address: str, metrics: str) -> dict[str, Any]:
        """Sends everything at once; returns the report."""
        return self._run(address, metrics, ["--scenario", "offline"])

    def _run(self, address: str, metrics: str, flags: list[str]) -> dict[str, Any]:
        with tempfile.TemporaryDirectory() as directory:
            output = Path(directory) / "report.json"
            fixed = ["--target", address, "--metrics-url", metrics, "--input", str(self.source)]
            fixed += ["--segmentation", "none"]  # the others translate texts as they are
            times = ["--duration", f"{self.duration:g}"]
            times += ["--trial-duration", f"{self.trial_duration:g}", "--json", str(output)]
            lengths = ["--target-lengths", str(self.target_lengths)] if self.target_lengths else []
            timeout = ["--timeout", f"{self.timeout:g}"] if self.timeout else []
            command = [str(COMMAND), "load", *fixed, *times, *lengths, *timeout, *flags]
            subprocess.run(command, stdout=subprocess.DEVNULL, check=False)
            found: dict[str, Any] = json.loads(output.read_text("utf-8"))
            return found


def peak_rate(report: dict[str, Any]) -> float:
    """Returns the rate of the peak; 0 where none was found."""
    place = report["peak"]
    return 0.0 if place is None else float(report["runs"][place]["offered_rate"])
