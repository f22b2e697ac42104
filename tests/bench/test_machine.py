import pytest

from tests.bench.machine import Machine
from tests.bench.origin import Origin


def _origin(machine: str) -> Origin:
    return Origin(machine, "numpy 2", "python -m tests.bench.x", [0.5])


@pytest.mark.parametrize(
    ("told", "title", "page"),
    [
        ("2 cores, AMD EPYC AVX2, 24 GiB", "AMD EPYC, AVX2", "amd-epyc-avx2"),
        (
            "2 cores, Intel(R) Xeon(R) Processor AVX2 AVX-512 VNNI AMX, 24 GiB",
            "Intel Xeon, AMX",
            "intel-xeon-amx",
        ),
        (
            "8 cores, 2 used, Intel(R) Core(TM) i7-9700 CPU @ 3.00GHz AVX2, 8 GiB",
            "Intel Core i7-9700, AVX2",
            "intel-core-i7-9700-avx2",
        ),
        ("4 cores, aarch64, 16 GiB", "aarch64", "aarch64"),
    ],
)
def test_a_machine_is_named_by_its_processor(told: str, title: str, page: str) -> None:
    machine = Machine.of(_origin(told))
    assert (machine.title, machine.page) == (title, page)


def test_what_this_machine_tells_of_itself_names_it() -> None:
    assert Machine.of(Origin.here("tests.bench.x", ["numpy"], [1.0])).page


def test_an_origin_without_a_machine_is_refused() -> None:
    with pytest.raises(ValueError, match="no machine: 2 cores"):
        Machine.of(_origin("2 cores"))
