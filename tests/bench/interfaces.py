"""What a text costs through each interface, beside the server's own: CPU time without the model.

    python -m tests.bench.interfaces --bundle build/bundles/shipped-int8

Everything but the model is real; see front_end_server.py. Requests of one sentence and of 32 come
in a closed loop over 32 connections (8 where one connection has several calls), from a process of
their own. CPU time is the server's, where it answers in the engines' process.
"""

import argparse
import statistics
import subprocess
import sys
from pathlib import Path

from tests.bench.cpu_time import cpu_seconds
from tests.bench.interfaces_client import WAYS
from tests.bench.listening import listening
from tests.bench.models import find_files, load_model
from tests.bench.origin import Origin, load_average
from tests.bench.progress import stage
from tests.bench.tables import text_table, with_range
from tests.bench.turns import in_turns

LIBRARIES = ("grpcio", "protobuf", "starlette", "uvicorn", "h11", "uvloop")

HEADINGS = ("interface", "texts a request", "requests/s", "CPU time a text, in µs", "times native")

Case = tuple[str, int]


def measure(bundle: Path, case: Case, seconds: float) -> tuple[float, float]:
    """Returns requests per second, and microseconds of the server's CPU time a text."""
    way, texts = case
    flags = {"bundle": bundle, "interface": WAYS[way].interface}
    with listening("tests.bench.front_end_server", flags) as (pid, address):
        command = [sys.executable, "-m", "tests.bench.interfaces_client", "--way", way]
        command += ["--target", address, "--texts", str(texts), "--seconds", str(seconds)]
        pipe = subprocess.PIPE
        with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as client:
            assert client.stdin is not None
            assert client.stdout is not None
            client.stdout.readline()
            before = cpu_seconds(pid)
            client.stdin.write("go\n")
            client.stdin.flush()
            answered = int(client.stdout.readline())
            used = cpu_seconds(pid) - before
    return answered / seconds, used / (answered * texts) * 1e6


def table(found: dict[Case, list[tuple[float, float]]]) -> list[tuple[str, ...]]:
    """Returns a row for each case."""
    cpu = {case: [each for _, each in runs] for case, runs in found.items()}
    return [
        (
            way,
            str(texts),
            f"{statistics.median(rate for rate, _ in runs):,.0f}",
            with_range(cpu[way, texts], ".0f"),
            f"{statistics.median(cpu[way, texts]) / statistics.median(cpu['native', texts]):.2f}",
        )
        for (way, texts), runs in found.items()
    ]


def main() -> None:
    """Prints a table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add = parser.add_argument
    add("--bundle", type=Path, default=find_files(load_model("shipped"), "int8").bundle)
    add("--runs", type=int, default=3, help="of each; medians are told")
    add("--seconds", type=float, default=2.0, help="of a run")
    arguments = parser.parse_args()
    cases = [(way, texts) for texts in (1, 32) for way in WAYS if texts <= WAYS[way].most_texts]
    found: dict[Case, list[tuple[float, float]]] = {case: [] for case in cases}
    loads = [load_average()]
    for number in range(arguments.runs):
        with stage(f"run {number + 1}"):
            for case in in_turns(cases, number):
                found[case].append(measure(arguments.bundle, case, arguments.seconds))
        loads.append(load_average())
    origin = Origin.here("tests.bench.interfaces", LIBRARIES, loads)
    print(origin.heading("one sentence", arguments.runs))
    print(text_table(HEADINGS, table(found)))


if __name__ == "__main__":
    main()
