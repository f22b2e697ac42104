import re
from pathlib import Path

import pytest

from tests.bench.document import draw
from tests.bench.front_end_report import FrontEndReport, Point
from tests.bench.growth_report import Curve, GrowthReport
from tests.bench.latency_report import LatencyReport, Stream
from tests.bench.latency_worker import LatencyRun
from tests.bench.load_report import Contest, LoadReport
from tests.bench.optimum_environment import versions
from tests.bench.origin import Origin
from tests.bench.page import BEGIN, END, Results, render, replace
from tests.bench.peaks_report import Peak, PeaksReport, peaks_table, shares
from tests.bench.report import Contender, Report
from tests.bench.served_report import ServedReport, Service
from tests.bench.worker import Run

ORIGIN = Origin("2 cores", "numpy 2", "python -m tests.bench.x", [0.5, 1.5])
CONTENDER = Contender(
    model="shipped",
    precision="int8",
    beam_size=4,
    system="ctranslate2",
    how="2x1, 16",
    runs=[Run(2.0, 4.0, 800, 80, passes=4, steps=50, peak_bytes=10**6)],
    sentences=20,
    multiply_adds=5 * 10**9,
    step_weights=10**8,
    tuning={"2x1, 16": 400.0, "1x2, 16": 300.0},
)
PEAKS = [
    Peak(1, {"float32": 60e9, "int8": 200e9}, {"sum": 30e9, "copy": 20e9}),
    Peak(2, {"float32": 120e9, "int8": 400e9}, {"sum": 40e9, "copy": 50e9}),
]
CONTEST = Contest(
    model="shipped",
    precision="int8",
    sentences="everyday",
    corpus="sample",
    ours=[300.0, 330.0, 320.0],
    peer=[200.0, 200.0, 250.0],
    offline=[400.0, 400.0, 400.0],
    setting="2 x 1, batches of up to 8 after 0 ms",
    tuning={"2 x 1, batches of up to 8 after 0 ms": 90.0},
    tuned_at=180.0,
    tried={"dragoman": [(300.0, 190.0), (450.0, 9000.0)], "ctranslate2": [(200.0, 200.0)]},
)
CURVE = Curve("rows", "dragoman", "int8", [1, 2], [[0.001, 0.002], [0.003, 0.004], [0.002, 0.009]])


AnyReport = (
    Report | ServedReport | LatencyReport | GrowthReport | PeaksReport | LoadReport | FrontEndReport
)


@pytest.fixture
def paths(tmp_path: Path) -> list[Path]:
    stream = Stream("shipped", "int8", 1, "dragoman", 1, [LatencyRun(1.0, 2.0, 1.1, 9, 90)])
    service = Service("shipped", "int8", [30.0, 20.0], [20.0, 20.0], "2x1, 16", 14.7)
    reports: dict[str, AnyReport] = {
        "offline": Report(ORIGIN, "sample", [CONTENDER]),
        "served": ServedReport(ORIGIN, "sample", [service]),
        "latency": LatencyReport(ORIGIN, "sample", [stream]),
        "growth": GrowthReport(ORIGIN, [CURVE]),
        "peaks": PeaksReport(ORIGIN, PEAKS),
        "load": LoadReport(ORIGIN, [CONTEST]),
        "front_end": FrontEndReport(ORIGIN, [Point(0, 32, 900.0, [80.0, 100.0, 90.0])]),
    }
    for name, report in reports.items():
        report.save(tmp_path / f"{name}.json")
    return [tmp_path / f"{name}.json" for name in reports]


def test_only_what_is_between_the_markers_is_replaced() -> None:
    page = f"before\n{BEGIN}\nold\n{END}\nafter\n"
    expected = f"before\n{BEGIN}\n\nnew\n\n{END}\nafter\n"
    assert replace(page, "new") == expected
    assert replace(expected, "new") == expected


@pytest.mark.parametrize(
    "page", ["", BEGIN, END, END + BEGIN, BEGIN + BEGIN + END, BEGIN + END + END]
)
def test_a_page_without_its_markers_is_refused(page: str) -> None:
    with pytest.raises(ValueError, match="each once"):
        replace(page, "new")


def test_the_performance_page_has_its_markers() -> None:
    page = Path(__file__).parents[2] / "docs/performance.md"
    assert "new" in replace(page.read_text("utf-8"), "new")


def test_all_reports_are_told_with_their_commands_and_pictures(paths: list[Path]) -> None:
    text = render(Results.read(paths), "images")
    titles = [
        "Offline throughput: shipped\n",
        "Share of the physical limit: shipped\n",
        "Text to text",
        "Peak rate",
        "Outside the model",
        "Single stream: shipped\n",
        "How a decoding step",
    ]
    assert [text.index(f"### {title}") for title in titles] == sorted(
        text.index(f"### {title}") for title in titles
    )
    assert text.count("`python -m tests.bench.x`") == 7
    assert "| shipped | int8 | 25 | 14.70 | 20 | 2x1, 16 | 1.25 |" in text
    assert "| 1.50 | 400 (400 to 400) | 0.80 |" in text  # of the rounds' ratios, the medians
    assert "| 0 (in the engines' process) | 32 | 900 | 90 (80 to 100) |" in text
    for name in ("offline-shipped", "load-shipped-everyday", "latency-shipped", "growth-rows"):
        assert f"](images/{name}.svg)" in text
    assert "| model | precision | beam | 2x1, 16 | 1x2, 16 |" in text
    assert "| dragoman | int8 | 2.00 | 4.00 |" in text  # medians of three rounds


def test_every_picture_that_is_named_is_drawn(paths: list[Path], tmp_path: Path) -> None:
    results = Results.read(paths)
    draw(results, tmp_path)
    named = re.findall(r"\]\(images/([^)]+)\)", render(results, "images"))
    assert sorted(named) == sorted(path.name for path in tmp_path.glob("*.svg"))


def test_the_same_reports_give_the_same_text_in_whatever_order(paths: list[Path]) -> None:
    assert render(Results.read(paths), "i") == render(Results.read(reversed(paths)), "i")


def test_without_peaks_there_is_no_limit(paths: list[Path]) -> None:
    assert "physical limit" not in render(Results.read(paths[:1]), "images")


def test_shares_are_of_all_cores_at_the_same_precision() -> None:
    (share,) = shares([CONTENDER], PeaksReport(ORIGIN, PEAKS).all_cores)
    assert share.multiply_adds == 10e9  # four passes in two seconds
    assert share.of_peak == 0.025
    assert share.weight_bytes == 2.5e9  # 50 steps of 100 MB
    assert share.of_bandwidth == 0.05


def test_peaks_have_a_line_for_each_number_of_cores() -> None:
    assert peaks_table(PEAKS)[1] == [
        ("1", "60", "200", "30.0", "20.0"),
        ("2", "120", "400", "40.0", "50.0"),
    ]


def test_optimums_versions_are_those_of_its_requirements() -> None:
    assert versions().startswith("Optimum's environment: optimum-onnx 0.1.0, transformers 4.57")
