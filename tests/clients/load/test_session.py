"""Sessions on a client of the test's own."""

import threading
from collections.abc import Sequence

from dragoman.load.answers import OK, Answer, Reader
from dragoman.load.endpoint import OnAnswers
from dragoman.load.sentences import Sentences
from dragoman.load.session import Session


class SlowClient:
    """Answers what it was sent first only when it is told to, all else at once."""

    def __init__(self, on_answers: OnAnswers) -> None:
        self.reader = Reader(Sentences("", ["a", "b"]))
        self.indices: list[int] = []
        self._on_answers = on_answers
        self._late: list[int] = []

    @property
    def cpu_seconds(self) -> float:
        return 0.0

    def start(self) -> None:
        pass

    def close(self) -> None:
        pass

    def send(self, response_ids: Sequence[int], indices: Sequence[int]) -> None:
        self.indices += indices
        self._late += response_ids

    def answer(self) -> None:
        late, self._late = self._late, []
        self._on_answers([Answer(each, OK, 0.1, 1) for each in late])


def test_warming_up_waits_for_every_answer() -> None:
    clients: list[SlowClient] = []

    def make(on_answers: OnAnswers) -> SlowClient:
        clients.append(SlowClient(on_answers))
        return clients[-1]

    session = Session(make, sentences=2, metrics_url=None, watch=lambda *_: None)
    rates: list[float] = []
    warming = threading.Thread(target=lambda: rates.append(session.warm_up(0.01, 3)))
    warming.start()
    warming.join(0.05)
    assert warming.is_alive(), "it did not wait"
    clients[0].answer()
    warming.join(60)
    assert clients[0].indices == [0, 1, 0]
    assert rates[0] > 0
