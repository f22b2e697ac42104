"""Runs tests against one endpoint, one after the other.

Knows which part does what, and when. Does not know flags, files or how anything is told.
"""

import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from dragoman.load import loadgen
from dragoman.load.answers import LASTING, OK, Answer, Reader
from dragoman.load.clients import Client
from dragoman.load.endpoint import OnAnswers
from dragoman.load.loadgen import LoadTest
from dragoman.load.measure import measure
from dragoman.load.recorder import Recorder
from dragoman.load.result import Run
from dragoman.load.scrape import Scraper

WATCH_SECONDS = 1.0


Watch = Callable[[LoadTest, float, Recorder, Scraper | None], None]
"""Told once a second: of a test, the seconds since its start, what came, and the metrics."""


class Session:
    """A client that is connected and warm, and the tests that it makes.

    Args:
        make_client: Builds the client around the function that it reports to.
        sentences: How many there are.
        metrics_url: Of the server; None for none.
        watch: Told of progress.
        logs: Directory for LoadGen's files, a directory in it for each test; None for none kept.
    """

    def __init__(
        self,
        make_client: Callable[[OnAnswers], Client],
        *,
        sentences: int,
        metrics_url: str | None,
        watch: Watch,
        logs: Path | None = None,
    ) -> None:
        self._client = make_client(self._take)
        self._sentences = sentences
        self._metrics_url = metrics_url
        self._watch = watch
        self._logs = logs
        self._tests = 0
        self._on_answers: OnAnswers = _drop

    @property
    def reader(self) -> Reader:
        """What was read, once the session is closed."""
        return self._client.reader

    def start(self) -> None:
        """Starts the client."""
        self._client.start()

    def close(self) -> None:
        """Ends it."""
        self._client.close()

    def warm_up(self, seconds: float, concurrency: int) -> float:
        """Keeps so many requests in progress for a while; returns the texts translated a second.

        All of them are waited for: an answer that came later would be taken for one of a test.

        Raises:
            RuntimeError: Nothing was translated; says what the first failure was. It is raised at
                once where so many requests failed in a way that waiting does not mend.
        """
        recorder = Recorder()
        started = time.monotonic()
        done = threading.Event()
        turn = threading.Lock()  # several client processes answer on a thread each

        def send(count: int) -> None:
            sent = len(recorder.sent)
            ids = list(range(sent, sent + count))
            recorder.note_sent(ids)
            self._client.send(ids, [each % self._sentences for each in ids])

        def on_answers(answers: list[Answer]) -> None:
            with turn:
                recorder.note_answers(answers)
                if time.monotonic() < started + seconds and not hopeless():
                    send(len(answers))
                elif len(recorder.answers) == len(recorder.sent):
                    done.set()

        def hopeless() -> bool:
            came = recorder.answers.values()
            return len(came) >= concurrency and all(answer.status in LASTING for answer in came)

        self._on_answers = on_answers
        with turn:
            send(concurrency)
        done.wait()
        return _translated(recorder.in_order()) / (time.monotonic() - started)

    def run(self, test: LoadTest) -> Run:
        """Runs one test."""
        recorder = Recorder()
        scraper = Scraper(self._metrics_url) if self._metrics_url else None

        def on_answers(answers: list[Answer]) -> None:
            recorder.note_answers(answers)
            loadgen.complete([answer.response_id for answer in answers])

        def send(response_ids: Sequence[int], indices: Sequence[int]) -> None:
            recorder.note_sent(response_ids)
            self._client.send(response_ids, indices)

        self._on_answers = on_answers
        if scraper:
            scraper.start()
        started, taken = time.monotonic(), self._client.cpu_seconds
        with tempfile.TemporaryDirectory() as temporary:
            logs = self._log_directory(Path(temporary))
            verdict = self._watched(
                test, recorder, scraper, lambda: loadgen.run_test(test, send, logs)
            )
        cores = (self._client.cpu_seconds - taken) / (time.monotonic() - started)
        if scraper:
            scraper.stop()
        readings = scraper.readings if scraper else []
        return measure(test, verdict, recorder.in_order(), readings, client_cores=cores)

    def _log_directory(self, temporary: Path) -> Path:
        if self._logs is None:
            return temporary
        self._tests += 1
        directory = self._logs / f"test-{self._tests:02}"
        directory.mkdir(parents=True, exist_ok=True)
        return directory

    def _watched(
        self,
        test: LoadTest,
        recorder: Recorder,
        scraper: Scraper | None,
        work: Callable[[], loadgen.Verdict],
    ) -> loadgen.Verdict:
        """Does the work in a thread, so that this one can tell of progress and be interrupted."""
        verdicts: list[loadgen.Verdict] = []
        thread = threading.Thread(target=lambda: verdicts.append(work()), daemon=True)
        started = time.monotonic()
        thread.start()
        while thread.is_alive():
            thread.join(WATCH_SECONDS)
            self._watch(test, time.monotonic() - started, recorder, scraper)
        if not verdicts:
            raise RuntimeError("LoadGen ended without a verdict")
        return verdicts[0]

    def _take(self, answers: list[Answer]) -> None:
        self._on_answers(answers)


def _translated(answers: Sequence[Answer]) -> int:
    translated = sum(answer.status == OK for answer in answers)
    if not translated:
        status, problem = answers[0].status, answers[0].problem
        raise RuntimeError(
            "no sentence was translated while warming up, so nothing was tested; the first "
            f"request ended with {status}: {problem}"
        )
    return translated


def _drop(answers: list[Answer]) -> None:
    """Nobody asked."""
