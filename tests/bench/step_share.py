"""How much of a decoding step is spent outside `session.run`, at several numbers of rows.

    python -m tests.bench.step_share --bundle build/bundles/marian-en-de-int8

One engine on one thread, its rows kept full by a queue of sentences, so that sentences end, rows
move and newcomers join as they do under load. A step that encodes is counted with the decoding
step that follows it. Medians over several runs, in milliseconds.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from dragoman_export.sentences import SENTENCES
from dragoman_server.engine.engine import Engine, Progress
from dragoman_server.engine.engine_metrics import EngineMetrics
from dragoman_server.engine.scheduler import Scheduler
from dragoman_server.engine.waiting_queue import WaitingQueue
from dragoman_server.models.bundle import Bundle
from dragoman_server.models.tokenizer import load_tokenizer
from dragoman_server.monitoring.metrics import Metrics
from dragoman_server.runtime.kv_cache import KVCache
from dragoman_server.runtime.model_runner import ModelRunner, Sessions, load_sessions
from dragoman_server.runtime.sizing import cache_shape
from dragoman_server.search.search import Search
from dragoman_server.sequence import Sequence, TranslationOptions

MAX_LENGTH = 100


class Stopwatch:
    """A session whose runs are timed."""

    def __init__(self, session: Any) -> None:
        self._session = session
        self.seconds = 0.0

    def io_binding(self) -> Any:
        return self._session.io_binding()

    def get_inputs(self) -> Any:
        return self._session.get_inputs()

    def run(self, *arguments: Any) -> Any:
        return self._timed(self._session.run, *arguments)

    def run_with_iobinding(self, binding: Any) -> None:
        self._timed(self._session.run_with_iobinding, binding)

    def _timed(self, call: Callable[..., Any], *arguments: Any) -> Any:
        started = time.perf_counter()
        try:
            return call(*arguments)
        finally:
            self.seconds += time.perf_counter() - started


class Measurement(NamedTuple):
    """One run."""

    rows: float
    """Mean rows of a decoding step."""
    step_seconds: float
    """Mean time of a decoding step with what was encoded before it."""
    outside_share: float
    """Part of it that was not in session.run."""


def measure(bundle: Bundle, rows: int, texts: list[str]) -> Measurement:
    """Translates `texts` with `rows` rows."""
    special = bundle.manifest.special_tokens
    loaded = load_sessions(bundle, "cpu")
    watches = Stopwatch(loaded.encoder), Stopwatch(loaded.decoder)
    cache = KVCache(
        cache_shape(
            bundle.manifest,
            max_rows=rows,
            target_capacity=MAX_LENGTH + 1,
            source_capacity=MAX_LENGTH,
        )
    )
    tokenizer = load_tokenizer(bundle)
    options = TranslationOptions(MAX_LENGTH)
    queue = WaitingQueue(max_queue_size=len(texts), engines=1)
    queue.put([Sequence(tokenizer.encode(text), options) for text in texts])
    metrics = Metrics()
    delivered: list[Progress] = []
    engine = Engine(
        scheduler=Scheduler(queue, engine=0, max_batch_size=rows, max_encode_tokens=1024),
        search=Search(
            max_rows=rows,
            max_length=MAX_LENGTH,
            decoder_start_id=special.decoder_start_id,
            end_id=special.end_id,
        ),
        runner=ModelRunner(Sessions(*watches), cache),
        metrics=EngineMetrics(metrics, "model"),
        deliver=delivered.append,
    )
    for _ in range(50):  # rows fill, buffers are bound
        engine.step()
    for watch in watches:
        watch.seconds = 0.0
    steps, row_steps = _steps(metrics)
    started = time.perf_counter()
    while len(queue) and engine.step():
        pass
    seconds = time.perf_counter() - started
    steps, row_steps = _steps(metrics)[0] - steps, _steps(metrics)[1] - row_steps
    inside = sum(watch.seconds for watch in watches)
    return Measurement(row_steps / steps, seconds / steps, 1 - inside / seconds)


def _steps(metrics: Metrics) -> tuple[float, float]:
    """Decoding steps so far, and rows in all of them."""
    sample, labels = metrics.registry.get_sample_value, {"model": "model"}
    steps = sample("dragoman_batch_rows_count", labels) or 0.0
    return steps, sample("dragoman_batch_rows_sum", labels) or 0.0


def main() -> None:
    """Prints a table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--bundle", type=Path, action="append", required=True)
    parser.add_argument("--rows", type=int, nargs="+", default=[1, 8, 32])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--input", type=Path, help="sentences, one a line; default: a sample")
    arguments = parser.parse_args()
    texts = arguments.input.read_text("utf-8").splitlines() if arguments.input else list(SENTENCES)
    print(f"{'bundle':28} {'rows':>5} {'step ms':>9} {'outside ms':>11} {'outside':>8}")
    for path in arguments.bundle:
        bundle = Bundle.load(path)
        for rows in arguments.rows:
            enough = texts * (1 + 30 * rows // len(texts))
            runs = [measure(bundle, rows, enough) for _ in range(arguments.runs)]
            step = statistics.median(run.step_seconds for run in runs) * 1e3
            share = statistics.median(run.outside_share for run in runs)
            mean_rows = statistics.median(run.rows for run in runs)
            print(f"{path.name:28} {mean_rows:5.1f} {step:9.3f} {step * share:11.3f} {share:8.1%}")


if __name__ == "__main__":
    main()
