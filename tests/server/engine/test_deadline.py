import math

from dragoman_server.engine.deadline import Deadline, has_passed


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


class Context:
    def __init__(self, remaining: float | None) -> None:
        self.remaining = remaining

    def time_remaining(self) -> float | None:
        return self.remaining


def test_a_deadline_passes_as_early_as_grpc_may_have_rounded_it() -> None:
    clock = Clock()
    deadline = Deadline(Context(10.0), clock)
    assert deadline.at == 110
    clock.now = 109.7
    assert not deadline.expired()
    clock.now = 109.85
    assert deadline.expired()


def test_without_a_deadline_none_ever_passes() -> None:
    clock = Clock()
    deadline = Deadline(Context(None), clock)
    assert deadline.at == math.inf
    clock.now = 1e9
    assert not deadline.expired()
    assert not has_passed(math.inf, 1e9, since=0.0)


def test_what_came_too_late_has_passed_at_once() -> None:
    assert Deadline(Context(0.0), Clock()).expired()
    assert has_passed(99.0, 100.0, since=100.0)
