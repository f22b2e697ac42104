"""One last line, and an exit whatever hangs."""

import threading

import pytest

from dragoman_server.ending import Ending, LastWord

HANGS = Ending("drain_hangs", 1)


def told(caplog: pytest.LogCaptureFixture) -> list[tuple[object, object]]:
    return [(vars(record)["reason"], vars(record)["exit_code"]) for record in caplog.records]


def test_only_the_first_is_heard(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "dragoman_server")
    last_word = LastWord()
    assert last_word.say(Ending("SIGTERM", 0)) == 0
    assert last_word.say(HANGS) == 0
    assert told(caplog) == [("SIGTERM", 0)]
    assert caplog.records[0].levelname == "INFO"


@pytest.mark.parametrize("breaks", [False, True])
def test_leaving_says_why_and_ends_the_process_with_that_code(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, *, breaks: bool
) -> None:
    monkeypatch.setattr("logging.shutdown", lambda: None)
    monkeypatch.setattr("logging.disable", lambda *_: None)
    codes: list[int] = []
    exited, order = threading.Event(), []
    caplog.set_level("INFO", "dragoman_server")

    def exit_process(code: int) -> None:
        codes.append(code)
        exited.set()

    def before() -> None:
        order.append(list(codes))
        if breaks:
            raise ValueError

    LastWord(exit_process).leave(HANGS, before)
    assert exited.wait(60)
    assert (codes, order) == ([1], [[]])
    assert told(caplog) == [("drain_hangs", 1)]


def test_leaving_without_room_for_a_thread_ends_the_process_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def start(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", start)
    codes: list[int] = []
    LastWord(codes.append).leave(HANGS, lambda: None)
    assert codes == [1]
