"""`dragoman load`: a load test of a running server, by MLPerf's rules.

Knows the order of things: connect, warm up, test or search, tell.
"""

import argparse
import functools
import os
import shlex
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version

from dragoman.client import Client
from dragoman.commands.arguments import (
    api_key,
    certificates,
    credentials,
    shown_command,
    translation_options,
)
from dragoman.commands.cli import BROKEN_PIPE
from dragoman.credentials import as_api_key
from dragoman.errors import DragomanError
from dragoman.load.allowed import problem
from dragoman.load.clients import ClientProcesses
from dragoman.load.describe import describe_client, describe_model, shown_options
from dragoman.load.endpoint import Connection, Endpoint
from dragoman.load.flags import (
    OFFLINE_CONCURRENCY,
    OFFLINE_TEXTS,
    metrics_url,
    parser,
)
from dragoman.load.loadgen import LoadTest
from dragoman.load.outputs import OutputError, check_outputs, tell
from dragoman.load.peak import NO_SEARCH, Peak, PeakSearch
from dragoman.load.progress import Progress, run_line
from dragoman.load.quality import measure_quality
from dragoman.load.result import Report, Run
from dragoman.load.scrape import Scraper
from dragoman.load.sentences import Sentences, SentencesError, read_sentences
from dragoman.load.session import Session
from dragoman.target import Target

VALID = 0
INVALID = 1
NOT_DONE = 2
INTERRUPTED = 130

WARM_UP_CONCURRENCY = 32

FIRST_SHARE = 0.5
"""Of the rate that warming up reached: where the search for the peak begins."""


def main(argv: Sequence[str]) -> int:
    """Tests, tells, and returns the exit status."""
    flags = parser()
    arguments = flags.parse_args(argv)
    if wrong := problem(arguments):
        flags.error(wrong)
    if arguments.html:
        # Now, so that what is missing is told before the test; matplotlib takes a second to import.
        import dragoman.load.html_report  # noqa: F401, PLC0415
    progress = Progress(sys.stderr, lively=sys.stderr.isatty())
    try:
        report = _Command(arguments, argv, progress).run()
    except BrokenPipeError:
        os._exit(BROKEN_PIPE)  # as below
    except (DragomanError, SentencesError, OutputError, OSError, RuntimeError) as error:
        progress.say(f"dragoman load: {error}")
        return NOT_DONE
    except KeyboardInterrupt:
        progress.say("interrupted")
        sys.stderr.flush()
        os._exit(INTERRUPTED)  # LoadGen's thread cannot be told to end
    try:
        tell(report, arguments, progress)
    except OutputError as error:
        progress.say(f"dragoman load: {error}")
        return NOT_DONE
    return VALID if report.result.valid else INVALID


class _Command:
    """What one call of the command does."""

    def __init__(
        self, arguments: argparse.Namespace, argv: Sequence[str], progress: Progress
    ) -> None:
        self._arguments = arguments
        self._argv = argv
        self._progress = progress
        self._runs: list[Run] = []
        self._untold: Run | None = None

    def run(self) -> Report:
        """Connects, warms up and tests."""
        arguments = self._arguments
        check_outputs(arguments)
        started = datetime.now(UTC).astimezone().isoformat(timespec="seconds")
        sentences = read_sentences(
            arguments.input,
            references=arguments.references,
            expected=arguments.expected,
            target_lengths=arguments.target_lengths,
        )
        model = self._model()
        session = self._session(sentences)
        session.start()
        try:
            rate = session.warm_up(arguments.warm_up, self._concurrency() or WARM_UP_CONCURRENCY)
            self._progress.say(f"warmed up at {rate:.4g} sentences/s")
            peak = self._tests(session, sentences, rate)
        finally:
            session.close()
        return self._report(started, model, sentences, session, peak)

    def _model(self) -> str:
        """Asks the server: a wrong target must be told at once."""
        arguments = self._arguments
        with Client(
            arguments.target,
            credentials=credentials(arguments),
            timeout=10,
            api_key=api_key(arguments),
            insecure_api_key=arguments.insecure_api_key,
        ) as client:
            return describe_model(client.models(), arguments.model)

    def _session(self, sentences: Sentences) -> Session:
        arguments = self._arguments
        make = functools.partial(
            Endpoint
            if arguments.clients == 1
            else functools.partial(ClientProcesses, count=arguments.clients),
            self._connection(),
            sentences,
            translation_options(arguments),
        )
        return Session(
            make,
            sentences=len(sentences.texts),
            metrics_url=self._metrics(),
            watch=self._progress.watch,
            logs=arguments.logs,
        )

    def _connection(self) -> Connection:
        arguments = self._arguments
        is_offline = arguments.scenario == "offline"
        texts = 1 if arguments.target_lengths or not is_offline else OFFLINE_TEXTS
        tls = certificates(arguments)
        target = Target(arguments.target, tls=tls is not None)
        return Connection(
            target.address,
            tls,
            channels=arguments.connections,
            timeout=arguments.timeout,
            texts_per_request=arguments.texts_per_request or texts,
            concurrency=self._concurrency() if is_offline else None,
            api_key=as_api_key(api_key(arguments), target, insecure=arguments.insecure_api_key),
        )

    def _concurrency(self) -> int | None:
        """Of the requests, where it is bounded."""
        arguments = self._arguments
        if arguments.concurrency is not None or arguments.scenario != "offline":
            return arguments.concurrency  # type: ignore[no-any-return]
        # Requests of one text: as many texts in progress.
        return OFFLINE_CONCURRENCY * (OFFLINE_TEXTS if arguments.target_lengths else 1)

    def _metrics(self) -> str | None:
        url = metrics_url(self._arguments)
        if url is None or Scraper(url).read() is not None:
            return url
        self._progress.say(f"no metrics at {url} (--metrics-url): queue and stages are not told")
        return None

    def _tests(self, session: Session, sentences: Sentences, rate: float) -> Peak:
        """Makes the tests; where a peak is looked for and found, the last one is its."""
        arguments = self._arguments
        test = LoadTest(
            arguments.scenario,
            arguments.duration,
            len(sentences.texts),
            rate=arguments.target_qps or rate,
            bound_seconds=arguments.latency_bound_ms / 1e3,
            percentile=arguments.percentile,
            seed=arguments.seed,
        )
        if not arguments.find_peak:
            self._test(session, test)
            return NO_SEARCH
        search = PeakSearch(
            lambda test: self._test(session, test),
            self._say,
            test=test,
            trial_seconds=arguments.trial_duration,
            precision=arguments.peak_precision / 100,
        )
        return search.find(arguments.target_qps or rate * FIRST_SHARE)

    def _test(self, session: Session, test: LoadTest) -> Run:
        self._tell_last()
        run = session.run(test)
        self._runs.append(run)
        self._untold = run
        return run

    def _say(self, line: str) -> None:
        self._tell_last()
        self._progress.say(line)

    def _tell_last(self) -> None:
        """Tells of the run before what comes now; the last one is told of by the result."""
        if self._untold is not None:
            self._progress.say(run_line(self._untold, f"{self._arguments.percentile:g}"))
            self._untold = None

    def _report(
        self,
        started: str,
        model: str,
        sentences: Sentences,
        session: Session,
        peak: Peak,
    ) -> Report:
        arguments = self._arguments
        references = sentences.references
        translations = session.reader.translations
        return Report(
            version=version("dragoman"),
            started_at=started,
            command=shlex.join(["dragoman", "load", *shown_command(self._argv)]),
            client=describe_client(),
            target=arguments.target,
            model=model,
            corpus=sentences.name,
            latency_bound_ms=arguments.latency_bound_ms,
            latency_percentile=arguments.percentile,
            options=shown_options(arguments),
            runs=self._runs,
            peak=len(self._runs) - 1 if peak.is_confirmed else None,
            search_told=peak.told,
            quality=measure_quality(translations, references) if references else None,
            wrong=session.reader.wrong,
        )
