from pathlib import Path

import pytest

from tests.bench.batches import batches, equalise, token_batches
from tests.bench.corpus import Corpus
from tests.bench.origin import Origin, command, read_report
from tests.bench.report import Contender, Report, rows, text_rows
from tests.bench.tables import markdown_table, text_table
from tests.bench.worker import Run
from tests.bench.workload import Workload, spread

ORIGIN = Origin("2 cores", "numpy 2", "python -m tests.bench.offline", [0.5])


def run(tokens: int, seconds: float = 1.0) -> Run:
    return Run(seconds, 2 * seconds, tokens, tokens // 10, 1, tokens // 20, peak_bytes=3_000_000)


def contender(system: str, tokens: list[int], precision: str = "int8") -> Contender:
    runs = [run(count) for count in tokens]
    return Contender("shipped", precision, 1, system, "2x1, 64", runs, 600, 10**9, 10**6)


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
    assert text_table(*text_rows(found)).splitlines()[1].split()[:6] == [
        *("shipped", "int8", "1", "dragoman", "2x1,", "64")
    ]
    assert markdown_table(*text_rows(found)).splitlines()[2] == (
        "| shipped | int8 | 1 | dragoman | 2x1, 64 | 600 | 12,345 | 1,234.0 | 1.23 |  | 2.00 | 3 |"
    )


def test_a_report_is_read_as_it_was_written(tmp_path: Path) -> None:
    report = Report(ORIGIN, "sample", [contender("dragoman", [100, 200])])
    report.save(tmp_path / "report.json")
    kind, fields = read_report(tmp_path / "report.json")
    assert kind == "offline"
    assert Report.parse(fields) == report


def test_another_file_is_no_report(tmp_path: Path) -> None:
    (tmp_path / "other.json").write_text("{}")
    with pytest.raises(ValueError, match="no kind"):
        read_report(tmp_path / "other.json")


def test_a_command_is_told_without_the_place_of_its_data() -> None:
    arguments = ["--data", "/home/somebody/sets", "--json", "a b.json"]
    assert command("tests.bench.offline", arguments) == (
        "python -m tests.bench.offline --data DATA --json 'a b.json'"
    )


def test_batches_hold_like_lengths_and_start_with_the_longest() -> None:
    assert batches([3, 9, 1, 7, 5], 2) == [[1, 3], [4, 0], [2]]


def test_batches_by_tokens_count_padding_and_hold_one_sentence_at_least() -> None:
    assert token_batches([3, 9, 1, 7, 5], 8) == [[1], [3], [4], [0, 2]]
    assert token_batches([4, 4, 4], 8) == [[0, 1], [2]]


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
