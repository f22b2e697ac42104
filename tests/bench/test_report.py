from pathlib import Path

import pytest

from tests.bench.batches import batches, equalise
from tests.bench.report import Contender, Report, markdown_table, rows, text_table
from tests.bench.worker import Run
from tests.bench.workload import Corpus, Workload, spread


def run(tokens: int, seconds: float = 1.0) -> Run:
    return Run(seconds, 2 * seconds, tokens, sentences=tokens // 10, peak_bytes=3_000_000)


def contender(system: str, tokens: list[int], precision: str = "int8") -> Contender:
    return Contender("shipped", precision, 1, system, "2x1, 64", [run(count) for count in tokens])


def test_figures_are_medians_and_ratios_are_taken_within_each_round() -> None:
    ours = contender("dragoman", [100, 300, 200])
    peer = contender("ctranslate2", [50, 200, 200])

    found = rows([ours, peer])

    assert [row.tokens_per_second for row in found] == [200, 200]
    assert [row.ratio for row in found] == [1.5, 1.0]  # of 2, 1.5 and 1
    assert found[0].sentences_per_second == 20
    assert found[0].cores == 2
    assert found[0].peak_megabytes == 3


def test_a_peer_of_another_precision_is_no_measure() -> None:
    ours = contender("dragoman", [100], precision="float32")
    assert rows([ours, contender("ctranslate2", [50])])[0].ratio is None


def test_tables_have_a_line_for_each_contender() -> None:
    found = [contender("dragoman", [12_345]), contender("ctranslate2", [10_000])]
    assert text_table(found).splitlines()[1].split()[:6] == [
        *("shipped", "int8", "1", "dragoman", "2x1,", "64")
    ]
    assert markdown_table(found).splitlines()[2] == (
        "| shipped | int8 | 1 | dragoman | 2x1, 64 | 12,345 | 1,234.0 | 1.23 |  | 2.00 | 3 |"
    )


def test_a_report_is_read_as_it_was_written(tmp_path: Path) -> None:
    report = Report("2 cores", "sample", [0.5], [contender("dragoman", [100, 200])])
    report.save(tmp_path / "report.json")
    assert Report.read(tmp_path / "report.json") == report


def test_batches_hold_like_lengths_and_start_with_the_longest() -> None:
    assert batches([3, 9, 1, 7, 5], 2) == [[1, 3], [4, 0], [2]]


def test_neighbours_in_length_become_equally_long() -> None:
    assert equalise([3, 9, 1, 7, 5], 2) == [4, 8, 1, 8, 4]


@pytest.mark.parametrize(("size", "count", "picked"), [(6, 3, [0, 2, 4]), (2, 5, [0, 1])])
def test_a_sample_is_spread_over_everything(size: int, count: int, picked: list[int]) -> None:
    assert spread(size, count) == picked


def test_sources_keep_their_references_and_lengths_in_a_sample() -> None:
    corpus = Corpus("all", ["a", "b", "c", "d"], ["A", "B", "C", "D"]).sample(2)
    workload = Workload([[1], [2], [3], [4]], [10, 20, 30, 40]).sample(2)
    assert (corpus.sources, corpus.references) == (["a", "c"], ["A", "C"])
    assert (workload.sources, workload.forced_lengths) == ([[1], [3]], [10, 30])
