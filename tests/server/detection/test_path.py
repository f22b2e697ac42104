"""Languages that follow each other, by costs alone; no text and no detector."""

import itertools
import random
from collections.abc import Sequence
from typing import NamedTuple

import pytest

from dragoman_server.detection.path import Path


class Step(NamedTuple):
    """A unit: what it says, and what a change before it costs."""

    against: dict[str, float]
    floor: float
    change: float


def path(steps: Sequence[Step], dearest: float = 6.0) -> list[str]:
    found = Path(dearest)
    for step in steps:
        found.add(*step)
    return found.languages()


def cost(steps: Sequence[Step], codes: Sequence[str]) -> float:
    changes = sum(
        step.change
        for step, before, code in zip(steps[1:], codes, codes[1:], strict=False)
        if code != before
    )
    return changes + sum(
        step.against.get(code, step.floor) for step, code in zip(steps, codes, strict=True)
    )


def sure(code: str, change: float = 3.0) -> Step:
    return Step({code: 0.0}, 10.0, change)


def test_what_is_sure_is_in_its_own_language() -> None:
    assert path([sure("en"), sure("en"), sure("de"), sure("en")]) == ["en", "en", "de", "en"]


def test_what_is_not_sure_is_in_that_of_its_neighbours() -> None:
    name = Step({"it": 0.1, "en": 2.0}, 2.5, 3.0)
    assert path([sure("en"), name, sure("en")]) == ["en", "en", "en"]
    assert path([sure("it"), name, sure("en")]) == ["it", "it", "en"]
    assert path([name, sure("en")]) == ["en", "en"]
    assert path([name]) == ["it"]


def test_what_says_nothing_goes_with_its_neighbours_over_the_cheaper_border() -> None:
    nothing = Step({}, 0.0, 2.0)
    assert path([nothing, sure("de"), nothing]) == ["de", "de", "de"]
    assert path([sure("en"), nothing, sure("de", 3.0)]) == ["en", "de", "de"]
    assert path([sure("en"), nothing._replace(change=3.0), sure("de", 2.0)]) == ["en", "en", "de"]
    assert path([nothing, nothing]) == ["", ""]
    assert path([]) == []


@pytest.mark.parametrize("seed", range(40))
def test_no_way_is_cheaper_though_most_are_forgotten(seed: int) -> None:
    rng = random.Random(seed)
    codes = "abcd"
    steps = []
    for _ in range(7):
        floor = rng.choice([0.0, 1.5, 4.0, 10.0])
        against = {code: rng.uniform(0, floor) for code in codes if floor and rng.random() < 0.5}
        steps.append(Step(against, floor, rng.choice([2.0, 3.0, 4.0, 6.0])))
    found = path(steps)
    cheapest = min(cost(steps, way) for way in itertools.product(codes, repeat=len(steps)))
    assert cost(steps, found) == pytest.approx(cheapest)


def test_it_keeps_no_more_than_what_may_still_be_best() -> None:
    found = Path(6.0)
    for number in range(1000):
        found.add({"en": 0.0, f"other-{number}": 1.0}, 10.0, 3.0)
    assert len(found._costs) < 10
