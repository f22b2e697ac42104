from pathlib import Path

import pytest

from tests.bench.latency_report import LatencyReport, Stream, latency_rows, latency_table
from tests.bench.latency_worker import LatencyRun, percentile, summarise
from tests.bench.origin import Origin, read_report


def stream(system: str, p50: list[float], threads: int = 1, beam_size: int = 1) -> Stream:
    runs = [LatencyRun(value, 3 * value, 1.1 * value, 200, 2_000) for value in p50]
    return Stream("shipped", "int8", beam_size, system, threads, runs)


@pytest.mark.parametrize(("percent", "expected"), [(50, 50.0), (99, 99.0), (1, 1.0)])
def test_percentiles_of_zero_to_a_hundred_are_themselves(percent: int, expected: float) -> None:
    assert percentile(list(range(101)), percent) == expected


def test_percentiles_lie_between_values_and_need_no_order() -> None:
    assert percentile([4.0, 1.0, 3.0, 2.0], 50) == 2.5


def test_sentences_are_told_in_milliseconds() -> None:
    run = summarise([0.001] * 99 + [0.101], tokens=700)
    assert run.p50_ms == 1
    assert run.mean_ms == pytest.approx(2)
    assert run.p99_ms == pytest.approx(2)  # one hundredth of the way from the 99th to the longest
    assert (run.sentences, run.tokens) == (100, 700)


def test_the_measure_is_the_peers_faster_setting_round_by_round() -> None:
    ours = stream("dragoman", [2.0, 4.0, 4.0])
    slow, fast = stream("ctranslate2", [9.0] * 3), stream("ctranslate2", [4.0, 4.0, 8.0], threads=2)
    assert [row.ratio for row in latency_rows([ours, slow, fast])] == [0.5, 2.25, 1.0]


def test_a_peer_with_another_beam_is_no_measure() -> None:
    assert (
        latency_rows([stream("dragoman", [1.0]), stream("ctranslate2", [1.0], beam_size=4)])[
            0
        ].ratio
        is None
    )


def test_a_line_tells_system_and_threads() -> None:
    assert latency_table([stream("ctranslate2", [2.0], threads=2)])[1] == [
        ("shipped", "int8", "1", "ctranslate2, 2 threads", "2.00", "6.00", "2.20", "1.00")
    ]


def test_a_report_is_read_as_it_was_written(tmp_path: Path) -> None:
    origin = Origin("2 cores", "numpy 2", "python -m tests.bench.latency", [0.5])
    report = LatencyReport(origin, "sample", [stream("dragoman", [1.0, 2.0])])
    report.save(tmp_path / "latency.json")
    kind, fields = read_report(tmp_path / "latency.json")
    assert kind == "latency"
    assert LatencyReport.parse(fields) == report
