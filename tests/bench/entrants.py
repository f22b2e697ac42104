"""Who takes part in the offline benchmark with one model, at which settings."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from tests.bench.chosen import as_served
from tests.bench.models import Files
from tests.bench.systems import CORES, Precision, Setting, SystemName
from tests.bench.worker import Run, measure
from tests.bench.workload import Workload

LONGEST = 254
"""Target tokens: the shipped checkpoint's own limit."""

PEER_THREADS = ((CORES, 1), (1, CORES))
"""Of CTranslate2: workers, threads of each."""
PEER_BATCHES = (8, 16, 32, 64, 128)
PEER_TOKENS = (512, 1024, 2048)
"""Of its batches, where they are counted in tokens: not where lengths are forced."""

FINALISTS = 3
FINAL_ROUNDS = 2
"""How many of the alternatives are tried again, and how often."""

GENERATE_BATCH = 32


@dataclass
class Entrant:
    """A system in the course of the benchmark."""

    setting: Setting
    workload: Workload
    alternatives: list[Setting] = field(default_factory=list)
    tuning: dict[str, float] = field(default_factory=dict)
    runs: list[Run] = field(default_factory=list)
    targets: list[list[int]] = field(default_factory=list)

    def tune(self) -> None:
        """Tries the alternatives, the fastest ones again, and keeps the fastest.

        The best run of each counts: what else the machine does makes a setting slower, never
        faster.
        """
        self._try(self.alternatives)
        for _ in range(FINAL_ROUNDS):
            self._try(sorted(self.alternatives, key=self._speed, reverse=True)[:FINALISTS])
        if self.tuning:
            self.setting = max(self.alternatives, key=self._speed)

    def _try(self, settings: Sequence[Setting]) -> None:
        for setting in settings:
            speed = measure(setting, self.workload)[0].tokens_per_second
            self.tuning[setting.how] = max(speed, self._speed(setting))

    def _speed(self, setting: Setting) -> float:
        """Tokens per second, 0 before it was tried."""
        return self.tuning.get(setting.how, 0.0)

    def run(self) -> None:
        """Measures once."""
        run, self.targets = measure(self.setting, self.workload)
        self.runs.append(run)


def entrants(
    files: dict[Precision, Files],
    workload: Workload,
    generated: Workload,
    beams: Sequence[int],
    systems: Sequence[SystemName],
) -> Iterator[Entrant]:
    """Yields everybody, Dragoman at what its server chooses by itself.

    Args:
        files: The model's, by precision.
        workload: What is translated.
        generated: What `generate` translates of it.
        beams: Beam sizes.
        systems: Who may take part.
    """
    for precision, paths in files.items():
        ours = Setting("dragoman", precision, paths.bundle, 1, LONGEST)
        chosen = as_served(ours) if "dragoman" in systems else ours
        for beam in beams:
            ours = replace(ours, beam_size=beam)
            peer = replace(ours, system="ctranslate2", model=paths.ctranslate2)
            if "dragoman" in systems:
                yield Entrant(replace(chosen, beam_size=beam), workload)
            if "ctranslate2" in systems:
                yield Entrant(peer, workload, _alternatives(peer, workload))
            if precision == "float32":
                generate = replace(ours, workers=1, threads=CORES, batch_size=GENERATE_BATCH)
                if "transformers" in systems:
                    torch = replace(generate, system="transformers", model=paths.checkpoint)
                    yield Entrant(torch, generated)
                if "optimum" in systems:
                    optimum = replace(generate, system="optimum", model=paths.optimum)
                    yield Entrant(optimum, generated)


def _alternatives(peer: Setting, workload: Workload) -> list[Setting]:
    settings = [
        replace(peer, workers=workers, threads=threads, batch_size=size)
        for workers, threads in PEER_THREADS
        for size in PEER_BATCHES
    ]
    if workload.forced_lengths is None:
        settings += [replace(peer, batch_tokens=tokens) for tokens in PEER_TOKENS]
    return settings
