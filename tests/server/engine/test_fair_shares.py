"""Callers with little to do beside one who has much: real engines, queue and schedulers, on a clock
that only steps let pass.
"""

import functools
import math
from itertools import pairwise
from statistics import median

import pytest

from dragoman_server.engine.headroom import Headroom
from dragoman_server.engine.sender import Priority
from tests.server.engine.crowds import Caller, Costs, Crowd, light_callers, p97

AVX2 = Costs(step=0.25e-3, row=0.125e-3, encode=0.8e-3, token=0.02e-3)
"""The shipped model in int8, on a processor without VNNI."""
AMX = Costs(step=0.5e-3, row=0.03e-3, encode=0.6e-3, token=0.006e-3)
MANY = 1280
"""Texts of the heavy caller in the system: a call of 1,024 and a stream's 256."""
ROWS = 128
WARM_UP_SECONDS, SECONDS = 1.5, 4.0
PROMISED = 1.5
"""Times as long, at most, may the light callers' p97 be."""


def crowd(costs: Costs, load: float, *heavy: Caller, engines: int = 1) -> Crowd:
    """Returns ten light callers who ask for this share of what engines can do, and some more."""
    rate = load * engines / costs.text(ROWS)
    made = Crowd(costs, [*light_callers(rate), *heavy], engines=engines, rows=ROWS)
    made.run(WARM_UP_SECONDS)
    made.forget()
    made.run(SECONDS)
    return made


def light(made: Crowd) -> list[Caller]:
    return [caller for caller in made.callers if caller.rate]


@functools.cache
def p97_alone(costs: Costs, load: float, engines: int) -> float:
    return p97(light(crowd(costs, load, engines=engines)))


@pytest.mark.parametrize("priority", Priority)
@pytest.mark.parametrize(
    ("costs", "load", "engines"), [(AVX2, 0.4, 1), (AVX2, 0.4, 2), (AMX, 0.4, 1), (AMX, 0.1, 1)]
)
def test_light_callers_hardly_notice_a_heavy_one(
    costs: Costs, load: float, engines: int, priority: Priority
) -> None:
    heavy = Caller("heavy", priority, kept=MANY)
    beside = crowd(costs, load, heavy, engines=engines)
    assert p97(light(beside)) <= PROMISED * p97_alone(costs, load, engines)
    left = (1 - load) * engines / costs.text(ROWS)
    assert len(heavy.latencies) / SECONDS >= 0.15 * left


def test_without_restraint_they_would(monkeypatch: pytest.MonkeyPatch) -> None:
    alone = crowd(AVX2, 0.4)
    monkeypatch.setattr(Headroom, "rows", lambda _: math.inf)
    beside = crowd(AVX2, 0.4, Caller("heavy", kept=MANY))
    assert p97(light(beside)) > 5 * p97(light(alone))


def test_a_heavy_caller_alone_has_all_rows() -> None:
    heavy = Caller("heavy", kept=MANY)
    crowd(AVX2, 1e-9, heavy)
    assert len(heavy.latencies) / SECONDS >= 0.95 / AVX2.text(ROWS)


def test_once_the_light_callers_are_gone_a_heavy_one_has_all_rows_again() -> None:
    heavy = Caller("heavy", kept=MANY)
    made = crowd(AVX2, 0.4, heavy)
    made.leave(light(made))
    made.run(WARM_UP_SECONDS)
    made.forget()
    made.run(SECONDS)
    assert len(heavy.latencies) / SECONDS >= 0.95 / AVX2.text(ROWS)


def test_bulk_progresses_beside_heavy_callers_who_are_interactive() -> None:
    bulk = Caller("bulk", Priority.BULK, kept=MANY)
    others = [Caller(f"heavy {index}", kept=MANY) for index in range(3)]
    crowd(AVX2, 1e-9, bulk, *others)
    done = bulk.work / (bulk.work + sum(caller.work for caller in others))
    assert done == pytest.approx(0.1, rel=0.15)


def test_bulk_has_a_share_where_light_callers_ask_for_more_than_there_is() -> None:
    bulk = Caller("bulk", Priority.BULK, kept=MANY)
    made = crowd(AVX2, 2.0, bulk)
    done = bulk.work / (bulk.work + sum(caller.work for caller in light(made)))
    assert done >= 0.08
    assert max(_pauses(bulk)) < 1.0


def test_heavy_callers_share_by_weight() -> None:
    one, three = Caller("one", kept=MANY), Caller("three", kept=MANY, weight=3.0)
    crowd(AVX2, 1e-9, one, three)
    assert three.work / one.work == pytest.approx(3, rel=0.1)


def test_heavy_callers_share_by_weight_beside_light_ones() -> None:
    one, three = Caller("one", kept=MANY), Caller("three", kept=MANY, weight=3.0)
    crowd(AMX, 0.3, one, three)
    assert three.work / one.work == pytest.approx(3, rel=0.1)


def test_callers_who_all_ask_for_the_same_hold_each_other_back_in_nothing() -> None:
    # Near what the engine can do some have much at times.
    made = crowd(AVX2, 0.9)
    medians = [median(caller.latencies) for caller in made.callers]
    assert max(medians) < 2 * min(medians)


def _pauses(caller: Caller) -> list[float]:
    return [after - before for before, after in pairwise(caller.done_at)]
