"""What a shell sees of `dragoman`: interrupts, and standard streams that are closed or full."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from dragoman.commands.terminal import heed_interrupts
from tests.clients.fake_server import FakeServer

MAIN = "import sys; from dragoman.commands.cli import main; sys.exit(main())"

# In the background of a shell interrupts are ignored, and children inherit that.
HEED = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"

# As an interrupt that comes just before the main thread waits: it is noted, and wakes nobody.
WAKE_NOBODY = f"""{HEED}
import threading
threading.Thread(target=threading.Event().wait, daemon=True).start()
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
"""


def shell(redirection: str, *arguments: str) -> "subprocess.CompletedProcess[bytes]":
    """Runs `dragoman` as a shell does."""
    return subprocess.run(
        ["/bin/sh", "-c", f'exec "$@" {redirection}', "sh", sys.executable, "-c", MAIN, *arguments],
        capture_output=True,
        check=False,
    )


def test_closed_streams_are_told_or_not_needed(server: FakeServer, tmp_path: Path) -> None:
    translate = ["translate", "--target", server.target]
    closed = shell(">&-", *translate, "a")
    assert closed.returncode == 2
    assert closed.stderr == (b"dragoman translate: standard output is closed: give --output FILE\n")
    assert shell("<&-", *translate).stderr.startswith(
        b"dragoman translate: standard input is closed"
    )
    output = tmp_path / "output.txt"
    assert shell(">&- <&-", *translate, "-o", str(output), "a").returncode == 0
    assert output.read_bytes() == b"A\n"


def test_messages_do_not_go_to_the_output_where_theirs_is_closed(server: FakeServer) -> None:
    run = shell("2>&-", "translate", "--target", server.target, "a", "\udce4")
    assert (run.returncode, run.stdout) == (1, b"A\n\n")


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_an_output_that_is_full_is_told(
    unbuffered: str, server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONUNBUFFERED", unbuffered)
    for arguments in (["--version"], ["translate", "--target", server.target, "a"]):
        run = shell("> /dev/full", *arguments)
        assert run.returncode == 2
        assert run.stderr.endswith(b"[Errno 28] No space left on device\n")
        assert run.stderr.count(b"\n") == 1


def test_help_into_a_pipe_that_nobody_reads_is_no_error() -> None:
    read, write = os.pipe()
    os.close(read)
    run = subprocess.run(
        [sys.executable, "-c", MAIN, "translate", "--help"],
        stdout=write,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONUNBUFFERED": ""},
        check=False,
    )
    os.close(write)
    assert (run.returncode, run.stderr) == (141, b"")


def test_the_second_interrupt_leaves_at_once() -> None:
    """The first one's end is held up for ever, as by a disk that does not answer."""
    code = f"""{HEED}
import sys, threading
from dragoman.commands.terminal import heed_interrupts
with heed_interrupts():
    try:
        print("running", flush=True)
        threading.Event().wait()
    finally:
        print("ending", flush=True)
        threading.Event().wait()
"""
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        for said in (b"running\n", b"ending\n"):
            assert process.stdout.readline() == said
            process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130


def test_interrupts_are_as_before_afterwards_and_ignored_ones_stay_ignored() -> None:
    before = signal.getsignal(signal.SIGINT)
    try:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        with heed_interrupts():
            assert signal.getsignal(signal.SIGINT) is not signal.default_int_handler
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        with heed_interrupts():
            assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("before", [HEED, WAKE_NOBODY])
def test_the_first_interrupt_keeps_what_is_done(
    before: str, server: FakeServer, tmp_path: Path
) -> None:
    output = tmp_path / "output.txt"
    arguments = ["translate", "--target", server.target, "-o", str(output)]
    with subprocess.Popen(
        [sys.executable, "-c", before + MAIN, *arguments],
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdin is not None
        assert process.stderr is not None
        process.stdin.write(b"a\n")
        process.stdin.flush()
        partial = output.with_name("output.txt.partial")
        while not (partial.exists() and partial.stat().st_size):
            pass
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
        kept, interrupted = process.stderr.read().decode().splitlines()
    assert kept.endswith(f"stopped after 1 lines; what is done is kept in {partial}")
    assert interrupted == "interrupted"
    assert partial.read_bytes() == b"A\n"


def test_help_needs_the_client_alone() -> None:
    code = """
import sys
for name in ("numpy", "onnxruntime", "pydantic", "prometheus_client", "ray", "torch", "uvloop"):
    sys.modules[name] = None
from dragoman.commands.cli import main
for command in sys.argv[1:]:
    try:
        status = main([command, "--help"])
    except SystemExit as end:
        status = end.code
    assert status == 0, command
"""
    names = ["corpora", "export", "health", "inspect", "load", "serve", "translate"]
    run = subprocess.run(
        [sys.executable, "-c", code, *names], capture_output=True, text=True, check=True
    )
    assert run.stderr == ""
    told = [line.split()[2] for line in run.stdout.splitlines() if line.startswith("usage: ")]
    assert told == names
    for flag in ("--shard-lines", "--service", "--resume"):  # of those that the client has itself
        assert flag in run.stdout
