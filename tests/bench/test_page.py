import re
from dataclasses import replace as with_other
from pathlib import Path

import pytest

from tests.bench.document import write
from tests.bench.front_end_report import FrontEndReport, Point
from tests.bench.growth_report import Curve, GrowthReport
from tests.bench.large_report import LargeReport, Measured, Memories, Race, Share
from tests.bench.latency_report import LatencyReport, Stream
from tests.bench.latency_worker import LatencyRun
from tests.bench.load_report import Contest, LoadReport
from tests.bench.memory_worker import Held
from tests.bench.optimum_environment import versions
from tests.bench.origin import Origin
from tests.bench.page import BEGIN, END, replace, update
from tests.bench.parts import render
from tests.bench.peak_memory import Usage
from tests.bench.peaks_report import Peak, PeaksReport, peaks_table, shares
from tests.bench.report import Contender, Report
from tests.bench.results import Results
from tests.bench.served_report import ServedReport, Service
from tests.bench.worker import Run

BENCHMARKS = Path(__file__).parents[2] / "docs/benchmarks"
ORIGIN = Origin("2 cores, AMD EPYC AVX2, 24 GiB", "numpy 2", "python -m tests.bench.x", [0.5, 1.5])
OTHER = with_other(ORIGIN, machine="2 cores, Intel(R) Xeon(R) Processor AVX2 AMX, 24 GiB")
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
GROWTH = GrowthReport(ORIGIN, [CURVE])
RACE = Race(1, [30.0, 22.0], [10.0, 20.0], "2x1, 128", "1x2, 16", {"1x2, 16": 11.0})
LARGE = LargeReport(
    ORIGIN,
    model="NLLB-200-distilled-600M",
    sizes="12 + 12 layers, d=1,024, 256,206 tokens",
    parameters=500_000_000,
    workload="8 sentences",
    check_seconds=[2.0],
    measured=[
        Measured(
            "int8",
            bundle_bytes=10**9,
            memories=Memories(32, [Held(2.0, 10**9, 3 * 10**9)], [Held(1.0, 10**9, 2 * 10**9)]),
            projection=Share(32, 50.0, 10.0),
            races=[RACE],
        ),
        Measured("float32", export=Usage(90.0, 25 * 10**8, 40 * 10**8, "trace")),
    ],
)
OFFLINE_TITLE, GROWTH_TITLE = "Offline throughput: shipped", "How a decoding step grows"

AnyReport = (
    Report
    | ServedReport
    | LatencyReport
    | GrowthReport
    | PeaksReport
    | LoadReport
    | FrontEndReport
    | LargeReport
)


@pytest.fixture
def paths(tmp_path: Path) -> list[Path]:
    stream = Stream("shipped", "int8", 1, "dragoman", 1, [LatencyRun(1.0, 2.0, 1.1, 9, 90)])
    service = Service("shipped", "int8", [30.0, 20.0], [20.0, 20.0], "2x1, 16", 14.7)
    reports: dict[str, AnyReport] = {
        "offline": Report(ORIGIN, "sample", [CONTENDER]),
        "served": ServedReport(ORIGIN, "sample", [service]),
        "latency": LatencyReport(ORIGIN, "sample", [stream]),
        "growth": GROWTH,
        "peaks": PeaksReport(ORIGIN, PEAKS),
        "load": LoadReport(ORIGIN, [CONTEST]),
        "front_end": FrontEndReport(ORIGIN, [Point(0, 32, 900.0, [80.0, 100.0, 90.0])]),
        "large": LARGE,
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


def test_the_committed_pages_are_as_the_generator_leaves_them() -> None:
    pages = {page.stem: page.read_text("utf-8") for page in BENCHMARKS.glob("*.md")}
    generated = {name: text for name, text in pages.items() if BEGIN in text}
    assert set(generated) >= {"amd-epyc-avx2", "intel-xeon-amx"}
    for name, text in generated.items():
        assert update(text, []) == text
        assert f"({name}.md)" in pages["README"]


def test_all_reports_are_told_with_their_commands_and_pictures(paths: list[Path]) -> None:
    parts = render(Results.read(paths))
    titles = [
        "Offline throughput: shipped",
        "Share of the physical limit: shipped",
        "Text to text, through gRPC",
        "Peak rate with 97 % within 250 ms: shipped",
        "Outside the model: the front end alone",
        "Single stream: shipped",
        "How a decoding step grows",
        "Large models: NLLB-200-distilled-600M, int8 and float32",
    ]
    assert [part.title for part in parts] == titles
    text = "\n".join(part.text for part in parts)
    assert text.count("`python -m tests.bench.x`") == 8
    assert "| shipped | int8 | 25 | 14.70 | 20 | 2x1, 16 | 1.25 |" in text
    assert "| 1.50 | 400 (400 to 400) | 0.80 |" in text  # of the rounds' ratios, the medians
    assert "| 0 (in the engines' process) | 32 | 900 | 90 (80 to 100) |" in text
    for name in ("offline-shipped", "load-shipped-everyday", "latency-shipped", "growth-rows"):
        assert f"](amd-epyc-avx2/{name}.svg)" in text
    assert "| model | precision | beam | 2x1, 16 | 1x2, 16 |" in text
    assert "| dragoman | int8 | 2.00 | 4.00 |" in text  # medians of three rounds
    assert "| its own memory at most |  | 2.50 GB, 1.25 of the checkpoint, trace |" in text
    assert "| greedy, ratio | 2.05 |  |" in text


def test_every_picture_that_is_named_is_drawn(paths: list[Path], tmp_path: Path) -> None:
    (page,) = write(Results.read(paths), tmp_path / "new")
    named = re.findall(r"\]\(([^)]+\.svg)\)", page.read_text("utf-8"))
    drawn = [str(path.relative_to(page.parent)) for path in page.parent.rglob("*.svg")]
    assert sorted(named) == sorted(drawn)
    assert len(named) == 4


def test_the_same_reports_give_the_same_page_in_whatever_order(
    paths: list[Path], tmp_path: Path
) -> None:
    (one,) = write(Results.read(paths), tmp_path / "one")
    (other,) = write(Results.read(reversed(paths)), tmp_path / "other")
    assert one.read_text("utf-8") == other.read_text("utf-8")


def test_each_part_goes_to_the_page_of_its_machine(tmp_path: Path) -> None:
    pages = write(
        Results(growth=[GROWTH], offline=[Report(OTHER, "sample", [CONTENDER])]), tmp_path
    )
    intel, amd = (page.read_text("utf-8") for page in pages)
    assert [page.name for page in pages] == ["intel-xeon-amx.md", "amd-epyc-avx2.md"]
    assert re.findall(r"^#+ .+", intel, re.MULTILINE) == [
        "# Intel Xeon, AMX",
        f"## {OFFLINE_TITLE}",
    ]
    assert re.findall(r"^#+ .+", amd, re.MULTILINE) == ["# AMD EPYC, AVX2", f"## {GROWTH_TITLE}"]
    assert "](intel-xeon-amx/offline-shipped.svg)" in intel
    assert "](amd-epyc-avx2/growth-rows.svg)" in amd


def test_pages_of_other_machines_are_left_alone(tmp_path: Path) -> None:
    other = tmp_path / "intel-xeon-amx.md"
    other.write_text("not even a page", "utf-8")
    write(Results(growth=[GROWTH]), tmp_path)
    assert other.read_text("utf-8") == "not even a page"
    assert not (tmp_path / "intel-xeon-amx").exists()


def test_a_part_takes_the_place_of_the_one_with_its_title_and_no_other() -> None:
    page = (
        f"by hand\n{BEGIN}\n\n## {OFFLINE_TITLE}\n\nof old\n\n"
        f"## Offline throughput: base\n\nkept\n\n## {GROWTH_TITLE}\n\nkept too\n\n{END}\nend\n"
    )
    (part,) = render(Results(offline=[Report(ORIGIN, "sample", [CONTENDER])]))
    assert update(page, [part]) == page.replace("of old", part.text)


def test_a_new_part_stands_where_its_kind_does() -> None:
    page = f"{BEGIN}\n\n## Single stream: base\n\nkept\n\n## Of old\n\nkept\n\n{END}\n"
    parts = render(Results(growth=[GROWTH], offline=[Report(ORIGIN, "sample", [CONTENDER])]))
    titles = re.findall(r"^## (.+)", update(page, parts), re.MULTILINE)
    assert titles == [OFFLINE_TITLE, "Single stream: base", GROWTH_TITLE, "Of old"]


def test_a_page_is_not_written_where_something_would_be_lost(tmp_path: Path) -> None:
    page = tmp_path / "amd-epyc-avx2.md"
    page.write_text(f"{BEGIN}\n\nby hand\n\n{END}\n", "utf-8")
    with pytest.raises(ValueError, match="this would be lost: by hand"):
        write(Results(growth=[GROWTH]), tmp_path)
    assert list(tmp_path.iterdir()) == [page]


def test_two_models_of_a_report_are_two_parts() -> None:
    both = [CONTENDER, with_other(CONTENDER, model="base")]
    parts = render(Results(offline=[Report(ORIGIN, "sample", both)]))
    assert [part.title for part in parts] == [OFFLINE_TITLE, "Offline throughput: base"]
    assert ["| base |" in part.text for part in parts] == [False, True]


def test_without_peaks_there_is_no_limit(paths: list[Path]) -> None:
    assert [part.title for part in render(Results.read(paths[:1]))] == [OFFLINE_TITLE]


def test_the_limit_is_that_of_the_same_machine() -> None:
    offline, elsewhere = Report(ORIGIN, "sample", [CONTENDER]), PeaksReport(OTHER, PEAKS)
    parts = render(Results(offline=[offline], peaks=[elsewhere]))
    assert [part.title for part in parts] == [OFFLINE_TITLE]
    parts = render(Results(offline=[offline], peaks=[PeaksReport(ORIGIN, PEAKS), elsewhere]))
    assert [part.machine.page for part in parts] == ["amd-epyc-avx2", "amd-epyc-avx2"]


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
