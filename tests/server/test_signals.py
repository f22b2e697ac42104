"""What each signal does, sent to this very process."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from dragoman_server.signals import DRAIN, IGNORED, LEAVE, Signals

Left = list[tuple[int, str]]


@pytest.fixture
def left() -> Left:
    return []


@pytest.fixture
def signals(left: Left) -> Iterator[Signals]:
    signals = Signals(lambda number, reason: left.append((number, reason)))
    with signals.heard():
        yield signals


async def send(*numbers: int) -> None:
    for number in numbers:
        os.kill(os.getpid(), number)
    await asyncio.sleep(0)


@pytest.mark.parametrize("number", DRAIN)
async def test_the_first_drains_and_the_second_leaves(
    signals: Signals, left: Left, number: signal.Signals
) -> None:
    stop = asyncio.Event()
    signals.drain_with(stop.set)
    await send(number)
    await stop.wait()
    assert (signals.told, left) == (number.name, [])
    await send(signal.SIGTERM)
    assert left == [(signal.SIGTERM, f"SIGTERM after {number.name}")]


@pytest.mark.parametrize("number", LEAVE)
async def test_some_leave_at_once(signals: Signals, left: Left, number: signal.Signals) -> None:
    signals.drain_with(lambda: None)
    await send(number)
    assert left == [(number, number.name)]


async def test_nothing_is_drained_before_anything_is_served(signals: Signals, left: Left) -> None:
    await send(signal.SIGTERM)
    assert left == [(0, "SIGTERM before it served")]
    assert signals.told == "SIGTERM"


async def test_others_are_ignored_and_told(
    signals: Signals, left: Left, caplog: pytest.LogCaptureFixture
) -> None:
    await send(*IGNORED)  # before there is anybody to tell
    signals.drain_with(lambda: None)
    await send(signal.SIGUSR1, signal.SIGRTMIN + 3)
    while len(caplog.records) < 2:  # noqa: ASYNC110  the handlers have no event for it
        await asyncio.sleep(0)
    told = [(record.message, record.__dict__["signal"]) for record in caplog.records]
    assert told == [("signal_ignored", "SIGUSR1"), ("signal_ignored", "signal 37")]
    assert (left, signals.told) == ([], None)


def test_every_signal_that_would_end_a_process_by_default_means_something() -> None:
    faults = {"SIGILL", "SIGTRAP", "SIGABRT", "SIGBUS", "SIGFPE", "SIGSEGV", "SIGSYS"}
    harmless = {"SIGCHLD", "SIGCONT", "SIGURG", "SIGWINCH"}
    stopping = {"SIGSTOP", "SIGTSTP", "SIGTTIN", "SIGTTOU"}
    by_python = {"SIGPIPE", "SIGXFSZ"}  # which ignores them
    names = {each.name for each in signal.Signals} - {"SIGKILL"}
    meant = {signal.Signals(each).name for each in (*DRAIN, *LEAVE, *IGNORED) if each < 34}
    assert names - faults - harmless - stopping - by_python - {"SIGRTMIN", "SIGRTMAX"} == meant


def test_what_nohup_ignores_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with Signals(lambda *_: None).heard():
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


async def test_a_signal_after_the_loop_has_ended_is_no_error(signals: Signals) -> None:
    loop = asyncio.new_event_loop()
    signals._loop, signals._stop = loop, lambda: None
    loop.close()
    await send(signal.SIGUSR1, signal.SIGTERM)


def test_a_process_behind_its_server_neither_ends_nor_stops_by_any_of_them() -> None:
    numbers = [int(number) for number in (*DRAIN, *LEAVE, *IGNORED, signal.SIGTTOU)]
    code = f"""
import signal
from dragoman_server.signals import ignore_all
ignore_all()
for number in {numbers}:
    signal.raise_signal(number)
print("lives")
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout == "lives\n"
