"""An engine begins with what it was given between two steps, never twice in a row."""

from dragoman_server.engine import DecodeBatch, EncodeBatch
from dragoman_server.hosting.inbox import Inbox, InboxScheduler
from dragoman_server.sequence import Sequence
from tests.server.engine.fakes import sequence


class Engine:
    """What the scheduler tells."""

    def __init__(self) -> None:
        self.inbox = Inbox()
        self.begun: list[list[Sequence]] = []
        self.steps: list[float] = []
        self.begun_when_decided: list[int] = []
        self.scheduler = InboxScheduler(
            self.inbox,
            begun=self.begun.append,
            stepped=self.steps.append,
            decided=lambda: self.begun_when_decided.append(len(self.begun)),
        )


def test_batches_alternate_with_steps_while_rows_run() -> None:
    engine = Engine()
    first, second = [sequence([1])], [sequence([2]), sequence([3])]
    engine.inbox.put(first)
    engine.inbox.put(second)
    assert engine.scheduler.schedule(0, now=0.0).batch == EncodeBatch(first)
    assert engine.scheduler.schedule(1, now=0.0).batch == DecodeBatch(1)
    assert engine.scheduler.schedule(1, now=0.0).batch == EncodeBatch(second)
    assert engine.scheduler.schedule(3, now=0.0).batch == DecodeBatch(3)
    assert engine.scheduler.schedule(0, now=0.0).batch is None
    assert engine.begun == [[], []]
    assert engine.begun_when_decided == [1, 1, 2, 2, 2]


def test_what_has_expired_is_not_begun() -> None:
    engine = Engine()
    late, timely = sequence([1], deadline=5.0), sequence([2], deadline=6.0)
    engine.inbox.put([late, timely])
    decision = engine.scheduler.schedule(0, now=5.0)
    assert decision.batch == EncodeBatch([timely])
    assert decision.expired == [late]


def test_what_is_cancelled_before_it_is_begun_never_is() -> None:
    engine = Engine()
    gone, kept = sequence([1]), sequence([2])
    engine.inbox.put([gone, kept])
    engine.inbox.cancel(gone)
    engine.inbox.cancel(sequence([3]))  # of another engine
    assert engine.scheduler.schedule(0, now=0.0).batch == EncodeBatch([kept])
    assert engine.begun == [[gone]]
    engine.inbox.cancel(kept)  # has begun: the engine frees its row
    assert engine.inbox.take() is None


def test_what_a_step_took_is_passed_on() -> None:
    engine = Engine()
    engine.scheduler.observe_step(3, 0.25)
    assert engine.steps == [0.25]


def test_one_that_is_closed_is_waited_for_no_longer() -> None:
    inbox = Inbox()
    inbox.put([sequence([1])])
    assert inbox.wait()
    inbox.close()
    assert not inbox.wait()
