"""What an engine tells the owner of the queue, and that it tells it together."""

from dragoman_server.engine import Progress, expired
from dragoman_server.errors import DeadlineError
from dragoman_server.hosting.messages import Plain, Report, Work
from dragoman_server.hosting.reporter import LONGEST_SILENCE_SECONDS, STEPS_TOLD, Reporter
from dragoman_server.sequence import Completion, FinishReason, Sequence
from tests.server.engine.fakes import sequence

DONE = Completion([4, 5], FinishReason.STOP, -0.5)
PLAIN = ([4, 5], "STOP", -0.5)


class Engine:
    """What a reporter of engine 3 hears, at a clock that is set."""

    def __init__(self) -> None:
        self.now = 10.0
        self.reports: list[Report] = []
        self.reporter = Reporter(3, self.reports.append, clock=lambda: self.now)

    def given(self, number: int) -> Sequence:
        text = sequence([1])
        text.started_at, text.encoded_at, text.first_token_at = 1.0, 2.0, 3.0
        self.reporter.hold(number, text)
        return text

    def step(self) -> None:
        self.reporter.stepped(0.5)
        self.reporter.decoded(0.25, rows=2)

    def told(self) -> Report:
        (report,) = self.reports
        self.reports.clear()
        return report


def test_what_a_step_ends_and_the_next_begins_is_told_together() -> None:
    engine = Engine()
    ended, gone, running = engine.given(7), engine.given(8), engine.given(9)
    engine.reporter.deliver(Progress([(ended, DONE)], [(running, [4])]))
    engine.now = 11.0
    engine.reporter.begun([gone])
    assert not engine.reports
    engine.reporter.tell()
    report = engine.told()
    assert (report.engine, report.has_begun, report.partial) == (3, True, [(9, [4])])
    cancelled: Plain = ([], "CANCELLED", None)
    assert report.ended == [(7, PLAIN, 1.0, 2.0, 3.0, 10.0), (8, cancelled, 1.0, 2.0, 3.0, 11.0)]
    assert engine.reporter.held(8) is None
    assert engine.reporter.held(9) is running
    engine.reporter.tell()
    assert not engine.reports


def test_what_steps_took_is_told_of_several_together() -> None:
    engine = Engine()
    engine.reporter.encoded(0.125, source_tokens=5)
    for _ in range(STEPS_TOLD - 1):
        engine.step()
    engine.reporter.begun([])
    engine.reporter.tell()
    assert engine.told().work is None
    engine.step()
    engine.reporter.tell()
    assert not engine.reports  # of texts there is nothing to tell
    engine.reporter.begun([])
    engine.reporter.tell()
    expected = Work([0.125], 5, [2] * STEPS_TOLD, [0.25] * STEPS_TOLD, 0.5 * STEPS_TOLD)
    assert engine.told().work == expected
    engine.reporter.begun([])
    engine.reporter.tell()
    assert engine.told().work is None


def test_an_engine_that_steps_is_never_silent_for_long() -> None:
    engine = Engine()
    engine.step()
    engine.now += LONGEST_SILENCE_SECONDS / 2
    engine.reporter.tell()
    assert not engine.reports
    engine.now += LONGEST_SILENCE_SECONDS
    engine.reporter.tell()
    assert engine.told().work == Work([], 0, [2], [0.25], 0.5)


def test_all_is_told_once_there_is_nothing_to_do() -> None:
    engine = Engine()
    text = engine.given(7)
    engine.step()
    engine.reporter.expired()
    engine.reporter.deliver(expired([text]))
    engine.reporter.rest()
    report = engine.told()
    ((number, error, *_),) = report.ended
    assert (number, report.expired, report.work is None) == (7, 1, False)
    assert isinstance(error, DeadlineError)
    engine.reporter.rest()
    assert not engine.reports
