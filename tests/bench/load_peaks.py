"""Peak rates by MLPerf's rule, beside CTranslate2 behind the same proto, batched by request.

    python -m tests.bench.load_peaks --data DIR --json build/bench/load.json

open_loop.py asks both servers, on the same cores: Poisson arrivals of single sentences, 97 %
answered within 250 ms of the moment at which they were due. Dragoman runs at its defaults; the peer
at the setting of the batcher that has the lowest p97 at a rate that it keeps. They take turns:
A B, B A, ...
"""

import argparse
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple, get_args

from tests.bench.corpus import TEST_SETS, Corpus, reference_lengths
from tests.bench.load_report import Contest, LoadReport, load_table
from tests.bench.load_runs import Load
from tests.bench.models import EVERYWHERE, Files, ModelName, find_files, load_model, prepare
from tests.bench.open_load import OpenLoad, Peak, Tried
from tests.bench.origin import Origin, load_average
from tests.bench.peer_served import PeerSetting, served_peer
from tests.bench.progress import stage
from tests.bench.systems import CORES, Precision
from tests.bench.tables import text_table
from tests.bench.turns import in_turns
from tests.integration.served import Served

LIBRARIES = ("onnxruntime", "ctranslate2", "grpcio", "mlcommons-loadgen")

KINDS = {"everyday": (("tatoeba_test", 1000),), "mixed": TEST_SETS}
"""Sentences: short ones, whose batches lose little to their longest; and long ones among them."""

SETTINGS = [
    PeerSetting(max_batch_size, max_delay_ms, workers, threads)
    for workers, threads in ((CORES, 1), (1, CORES))
    for max_batch_size, max_delay_ms in (
        (4, 0),
        (8, 0),
        (16, 0),
        (32, 0),
        (8, 5),
        (32, 5),
        (32, 15),
    )
]

TUNING_SHARE = 0.8
"""Of the peer's first peak: the rate at which its settings are compared."""
FINALISTS = 3
OURS, PEER = "dragoman", "ctranslate2"


class Contenders:
    """Both servers of a model, each started anew for each use."""

    def __init__(self, files: Files, precision: Precision, load: Load) -> None:
        self._files = files
        self._precision = precision
        self._load, self._whole = OpenLoad.of(load), load
        self._starts: dict[str, float | None] = {OURS: None, PEER: None}
        self.tried: dict[str, list[Tried]] = {OURS: [], PEER: []}
        self.setting = PeerSetting()
        self.tuning: dict[str, float] = {}
        self.tuned_at = 0.0

    def ours(self) -> tuple[float, float]:
        """Returns the peak and the offline rate."""
        with Served(self._files.bundle) as server:
            found = self._load.peak(server.address, self._starts[OURS])
            metrics = f"http://{server.metrics_address}/metrics"
            offline = self._whole.offline(server.address, metrics)
        return self._peak(OURS, found), offline["runs"][-1]["completed_rate"]

    def peer(self) -> float:
        """Returns the peak."""
        with served_peer(self._files, self._precision, self.setting) as address:
            return self._peak(PEER, self._load.peak(address, self._starts[PEER]))

    def tune(self) -> None:
        """Tries the peer's settings briefly, the best ones for longer; the lower p97 counts."""
        self.tuned_at = self.peer() * TUNING_SHARE
        self.tried[PEER].clear()  # of another setting
        self._try(SETTINGS, briefly=True)
        self._try(sorted(SETTINGS, key=self._p97)[:FINALISTS], briefly=False)
        self.setting = min(SETTINGS, key=self._p97)

    def _try(self, settings: Iterable[PeerSetting], *, briefly: bool) -> None:
        for setting in settings:
            with served_peer(self._files, self._precision, setting) as address:
                p97 = self._load.p97_ms(address, self.tuned_at, briefly=briefly)
            self.tuning[setting.how] = min(p97, self._p97(setting))

    def _p97(self, setting: PeerSetting) -> float:
        return self.tuning.get(setting.how, float("inf"))

    def _peak(self, who: str, found: Peak) -> float:
        """Notes where the next search begins: a little below."""
        self.tried[who] += found.tried
        if found.rate:
            self._starts[who] = found.rate * 0.8
        return found.rate


class Case(NamedTuple):
    """A model and what it is sent."""

    model: ModelName
    kind: str
    corpus: Corpus

    @property
    def title(self) -> str:
        """In two words."""
        return f"{self.model}, {self.kind}"


def compare(case: Case, precision: Precision, files: Files, load: Load, *, runs: int) -> Contest:
    """Tunes the peer, and measures both in turns."""
    contenders = Contenders(files, precision, load)
    with stage(f"{case.title}, {precision}: the peer's best setting"):
        contenders.tune()
    ours: list[float] = []
    peer: list[float] = []
    offline: list[float] = []
    for number in range(runs):
        for is_ours in in_turns((False, True), number):
            who = OURS if is_ours else PEER
            with stage(f"{case.title}: {who}, run {number + 1}"):
                if is_ours:
                    peak, whole = contenders.ours()
                    ours.append(peak)
                    offline.append(whole)
                else:
                    peer.append(contenders.peer())
    return Contest(
        case.model,
        precision,
        case.kind,
        case.corpus.name,
        ours,
        peer,
        offline,
        setting=contenders.setting.how,
        tuning=contenders.tuning,
        tuned_at=contenders.tuned_at,
        tried={
            who: [(rate, p97) for rate, p97 in tried] for who, tried in contenders.tried.items()
        },
    )


def main() -> None:
    """Prints a table, and writes JSON where asked to."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add = parser.add_argument
    add("--model", choices=get_args(ModelName), nargs="+", default=list(EVERYWHERE))
    add("--precision", choices=get_args(Precision), default="int8")
    add("--runs", type=int, default=5, help="of each; medians are told")
    add("--data", type=Path, help="tatoeba_test and flores_dev; default: a sample")
    add("--sentences", choices=KINDS, nargs="+", default=list(KINDS), help="kinds of the data")
    add("--duration", type=float, default=30.0, help="seconds of a confirmation")
    add("--trial-duration", type=float, default=12.0, help="seconds of a step of a search")
    add("--reuse", action="store_true", help="the models that an earlier benchmark converted")
    add("--json", type=Path, help="all the figures")
    arguments = parser.parse_args()
    contests, loads = [], [load_average()]
    with tempfile.TemporaryDirectory() as directory:
        for case in _cases(arguments):
            find = find_files if arguments.reuse else prepare
            files = find(load_model(case.model), arguments.precision)
            contests.append(
                compare(
                    case,
                    arguments.precision,
                    files,
                    _write_load(case, files, arguments, Path(directory)),
                    runs=arguments.runs,
                )
            )
            loads.append(load_average())
    origin = Origin.here("tests.bench.load_peaks", LIBRARIES, loads)
    corpora = dict.fromkeys(contest.corpus for contest in contests)
    print(origin.heading("; ".join(corpora), arguments.runs))
    print(text_table(*load_table(contests)))
    if arguments.json:
        LoadReport(origin, contests).save(arguments.json)


def _cases(arguments: argparse.Namespace) -> Iterator[Case]:
    for model in arguments.model:
        if arguments.data is None:
            yield Case(model, "sample", Corpus.built_in())
            continue
        for kind in arguments.sentences:
            yield Case(model, kind, Corpus.read(arguments.data, KINDS[kind]))


def _write_load(case: Case, files: Files, arguments: argparse.Namespace, directory: Path) -> Load:
    """Writes the sentences and, for random weights, the lengths of their references."""
    source = directory / "sources.txt"
    source.write_text("".join(f"{text}\n" for text in case.corpus.sources), "utf-8")
    lengths = None
    if load_model(case.model).forced_lengths:
        lengths = directory / "lengths.txt"
        found = reference_lengths(case.corpus, files.bundle)
        lengths.write_text("".join(f"{length}\n" for length in found), "utf-8")
    return Load(source, lengths, arguments.duration, arguments.trial_duration)


if __name__ == "__main__":
    main()
