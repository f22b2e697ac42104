"""Which machine a figure is of, by its processor: it names the page and the folder of pictures."""

import re
from dataclasses import dataclass
from typing import Self

from tests.bench.origin import EXTENSIONS, Origin

SAYS_NOTHING = r"\((R|TM)\)|\b(CPU|Processor)\b|@ \S+"
"""Of what processors call themselves."""


@dataclass(frozen=True)
class Machine:
    """Two with the same processor and extensions are one."""

    title: str
    """Processor, and the last of its extensions, which has the others."""

    @classmethod
    def of(cls, origin: Origin) -> Self:
        """Returns the one that was measured.

        Raises:
            ValueError: The origin does not tell it as `Origin.here` does.
        """
        told = re.fullmatch(r"\d+ cores(?:, \d+ used)?, (.+), \d+ GiB", origin.machine)
        if told is None:
            raise ValueError(f"no machine: {origin.machine}")
        words = re.sub(SAYS_NOTHING, "", told[1]).split()
        name = " ".join(word for word in words if word not in EXTENSIONS)
        return cls(", ".join([name, *[each for each in EXTENSIONS if each in words][-1:]]))

    @property
    def page(self) -> str:
        """What its page is called, without .md, and the folder of its pictures."""
        return re.sub(r"[^a-z0-9]+", "-", self.title.lower()).strip("-")
