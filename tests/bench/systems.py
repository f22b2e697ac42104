"""What is compared: systems that turn source token ids into target token ids.

Each is measured in a process of its own (worker.py) and imports its library when it is built, so
that neither memory nor threads of one are seen in another's figures.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol, Self

SystemName = Literal["dragoman", "ctranslate2", "transformers", "optimum"]
Precision = Literal["float32", "int8"]
HalfPrecision = Literal["float16", "bfloat16"]

CORES = 2
"""All systems get as many threads in all."""


class System(Protocol):
    """A loaded model."""

    @property
    def steps(self) -> int:
        """Decoding steps so far, of all workers together: how often the weights were read."""

    def translate(
        self, sources: list[list[int]], forced_lengths: list[int] | None
    ) -> list[list[int]]:
        """Returns the target tokens of each source, in order, without their end tokens.

        Args:
            sources: Token ids, each ending with the end token.
            forced_lengths: Tokens to decode for each, the end token counted. Where it is None
                each ends with its end token or after `Setting.max_length` tokens.
        """


@dataclass(frozen=True)
class Setting:
    """One system as it is run."""

    system: SystemName
    precision: Precision | HalfPrecision
    model: Path
    """The files that this system reads: a bundle, a converted model or a checkpoint."""
    beam_size: int
    max_length: int
    """Most target tokens, the end token not counted."""
    workers: int = CORES
    """Batches or, for Dragoman, engines that run side by side."""
    threads: int = 1
    """Threads of each."""
    batch_size: int = 64
    """Sentences of a batch; rows of an engine."""
    batch_tokens: int | None = None
    """Source tokens of a batch, padding counted, where it is not sentences that are counted."""
    places: int | None = None
    """Most tokens of a source and of a target that Dragoman allows, where that is no default."""
    engine_processes: int = 0
    """Over which Dragoman's engines are spread; 0 for threads of one process."""
    shortlist: bool = False
    """Whether Dragoman's sentences choose among lists of tokens."""
    fixed_shapes: bool = False
    """Whether Dragoman's steps all have the same shapes."""

    @classmethod
    def parse(cls, fields: dict[str, Any]) -> Self:
        """Reads what came through JSON."""
        return cls(**fields | {"model": Path(fields["model"])})

    @property
    def how(self) -> str:
        """What is tuned of it, in a few characters."""
        batch = f"{self.batch_tokens} tokens" if self.batch_tokens else str(self.batch_size)
        return f"{self.workers}x{self.threads}, {batch}"

    @property
    def title(self) -> str:
        """What is not."""
        return f"{self.system}, {self.precision}, beam {self.beam_size}"


def load(setting: Setting) -> System:
    """Loads the model of a setting."""
    match setting.system:
        case "dragoman":
            from tests.bench.dragoman_system import Dragoman  # noqa: PLC0415

            return Dragoman(setting)
        case "ctranslate2":
            from tests.bench.ctranslate2_system import CTranslate2  # noqa: PLC0415

            return CTranslate2(setting)
        case "transformers":
            from tests.bench.transformers_system import load_transformers  # noqa: PLC0415

            return load_transformers(setting)
        case "optimum":
            from tests.bench.optimum_system import load_optimum  # noqa: PLC0415

            return load_optimum(setting)
