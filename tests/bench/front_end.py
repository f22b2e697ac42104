"""What a request costs outside the model: the front end before an engine that answers at once.

    python -m tests.bench.front_end --json build/bench/front_end.json

Everything but the model is real; see front_end_server.py. Requests come in a closed loop over
several connections, from a process of their own on the same cores. CPU time is that of all the
server's processes.
"""

import argparse
import statistics
import subprocess
import sys
from pathlib import Path

from tests.bench.cpu_time import cpu_seconds
from tests.bench.front_end_report import FrontEndReport, Point, front_end_table
from tests.bench.listening import listening
from tests.bench.models import find_files, load_model
from tests.bench.origin import Origin, load_average
from tests.bench.progress import stage
from tests.bench.tables import text_table
from tests.bench.turns import in_turns

LIBRARIES = ("grpcio", "protobuf", "sentencepiece")


def measure(bundle: Path, workers: int, texts: int, seconds: float) -> tuple[float, float]:
    """Returns requests per second, and microseconds of the server's CPU time a text."""
    flags = {"bundle": bundle, "workers": workers}
    with listening("tests.bench.front_end_server", flags) as (pid, address):
        command = [sys.executable, "-m", "tests.bench.front_end_client"]
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


def main() -> None:
    """Prints a table, and writes JSON where asked to."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add = parser.add_argument
    add("--workers", type=int, nargs="+", default=[0, 1, 2], help="numbers of them")
    add("--texts", type=int, nargs="+", default=[1, 32], help="of a request")
    add("--runs", type=int, default=5, help="of each; medians are told")
    add("--seconds", type=float, default=5.0, help="of a run")
    add("--json", type=Path, help="all the figures")
    arguments = parser.parse_args()
    bundle = find_files(load_model("shipped"), "int8").bundle
    cases = [(workers, texts) for workers in arguments.workers for texts in arguments.texts]
    found: dict[tuple[int, int], list[tuple[float, float]]] = {case: [] for case in cases}
    loads = [load_average()]
    for number in range(arguments.runs):
        with stage(f"run {number + 1}"):
            for workers, texts in in_turns(cases, number):
                result = measure(bundle, workers, texts, arguments.seconds)
                found[workers, texts].append(result)
        loads.append(load_average())
    points = [
        Point(
            workers,
            texts,
            statistics.median(rate for rate, _ in found[workers, texts]),
            [cpu for _, cpu in found[workers, texts]],
        )
        for workers, texts in cases
    ]
    origin = Origin.here("tests.bench.front_end", LIBRARIES, loads)
    print(origin.heading("one sentence", arguments.runs))
    print(text_table(*front_end_table(points)))
    if arguments.json:
        FrontEndReport(origin, points).save(arguments.json)


if __name__ == "__main__":
    main()
