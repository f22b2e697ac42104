"""A machine's page in docs/benchmarks: its parts stand between two marks, all else is by hand.

Knows titles and their order. Does not know reports or files.
"""

import re
from collections.abc import Iterable

from tests.bench.machine import Machine
from tests.bench.parts import KINDS, Part

BEGIN, END = "<!-- bench:begin -->", "<!-- bench:end -->"


def new_page(machine: Machine) -> str:
    """Returns one without parts."""
    return (
        f"# {machine.title}\n\nWhat `make bench` measured on this machine, the last time for each "
        f"part. [All machines](README.md).\n\n{BEGIN}\n\n{END}\n"
    )


def update(page: str, parts: Iterable[Part]) -> str:
    """Returns the page with these parts; of those it has, the ones of other titles stay.

    Raises:
        ValueError: It has not each mark once, the first one first, or other text between them.
    """
    told = _parts(page) | {part.title: part.text for part in parts}
    sections = [f"## {title}\n\n{told[title]}" for title in sorted(told, key=_place)]
    return replace(page, "\n\n".join(sections))


def replace(page: str, generated: str) -> str:
    """Returns the page with what is between its marks replaced.

    Raises:
        ValueError: It has not each mark once, the first one first.
    """
    before, _, after = _split(page)
    return f"{before}{BEGIN}\n\n{generated}\n\n{END}{after}"


def _split(page: str) -> tuple[str, str, str]:
    """Returns what is before, between and after the marks."""
    before, begin, rest = page.partition(BEGIN)
    generated, end, after = rest.partition(END)
    if not begin or not end or BEGIN in rest or END in before + after:
        raise ValueError(f"the page needs {BEGIN} and after it {END}, each once")
    return before, generated, after


def _parts(page: str) -> dict[str, str]:
    """Returns the text of each part by its title."""
    lost, *found = re.split(r"^## (.+)$", _split(page)[1], flags=re.MULTILINE)
    if lost.strip():
        raise ValueError(f"this would be lost: {lost.strip()}")
    return {title: text.strip() for title, text in zip(found[::2], found[1::2], strict=True)}


def _place(title: str) -> int:
    """Parts of a kind keep their order; what no benchmark tells any more comes last."""
    places = [place for place, kind in enumerate(KINDS) if title.startswith(kind)]
    return places[0] if places else len(KINDS)
