"""What the report of simulated engines makes of what was observed."""

from dataclasses import replace

import pytest

from tests.bench.many_engines_report import (
    FULL,
    HEADINGS,
    Observed,
    busy_share,
    computing_share,
    limit,
    lines,
    scaling,
)

ONE = Observed(
    kind="processes",
    engines=1,
    seconds=2.0,
    texts=1000,
    steps=400,
    rows=12000,
    model_seconds=1.6,
    held_seconds=2.0,
    owner_cpu_seconds=0.1,
    engines_cpu_seconds=0.2,
    text_seconds=[0.1] * 96 + [0.2] * 4,
)
EIGHT = replace(
    ONE,
    engines=8,
    texts=6000,
    model_seconds=9.6,
    held_seconds=12.0,
    owner_cpu_seconds=0.6,
    engines_cpu_seconds=1.2,
)


def test_shares_are_of_the_time_of_all_engines() -> None:
    assert busy_share(EIGHT) == pytest.approx(0.75)
    assert computing_share(EIGHT) == pytest.approx(0.6)


def test_scaling_is_of_so_many_times_the_texts_of_one() -> None:
    assert scaling(ONE, ONE) == 1
    assert scaling(EIGHT, ONE) == pytest.approx(0.75)


def test_the_limit_is_what_is_fully_used() -> None:
    full = FULL * EIGHT.seconds
    assert limit(EIGHT, cores=2) == "engines"
    assert limit(replace(EIGHT, owner_cpu_seconds=full), cores=2) == "owner"
    assert limit(replace(EIGHT, engines_cpu_seconds=2 * full), cores=2) == "machine"
    assert limit(replace(EIGHT, engines_cpu_seconds=2 * full), cores=4) == "engines"


def test_threads_share_an_interpreter_with_the_owner() -> None:
    threads = replace(EIGHT, kind="threads")
    assert limit(threads, cores=2) == "interpreter"
    assert limit(replace(threads, engines_cpu_seconds=0.6), cores=2) == "engines"


def test_a_line_tells_costs_by_text_and_by_step_and_compares_with_one_of_its_kind() -> None:
    threads = replace(ONE, kind="threads", texts=500)
    told = [
        dict(zip(HEADINGS, line, strict=True)) for line in lines([threads, ONE, EIGHT], cores=2)
    ]
    assert [each["of N times one"] for each in told] == ["1.00", "1.00", "0.75"]
    assert told[2]["owner, µs a text"] == "100"
    assert told[2]["engines, µs a step"] == "3000"
    assert told[2]["rows a step"] == "30.0"
    assert (told[1]["p50, ms"], told[1]["p97, ms"]) == ("100", "200")
