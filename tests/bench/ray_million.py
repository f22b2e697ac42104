"""A million lines through `dragoman corpora` while workers and driver are killed.

    python -m tests.bench.ray_million --bundle DIR --lines 1000000 --kill worker --kill driver

Writes numbered lines, translates them with engines in a Ray worker, kills what is asked for with
SIGKILL on the way, and then proves that every line is there once: the accounts add up, the output
has as many lines, and the first line, the last line and others of every shard are, bit for bit,
what the model says of that line without Ray. The time that takes is the rate to compare with.
"""

import argparse
import json
import os
import random
import shutil
import signal
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Literal

from dragoman.commands.lines import encode_line
from dragoman.v1.translation_pb2 import StreamTranslateTextRequest, Translation
from dragoman_server.config import Config
from dragoman_server.local import LocalTranslator
from tests.bench.origin import Origin, load_average
from tests.bench.systems import CORES
from tests.bench.tables import text_table
from tests.clients.corpora.running import Run

SUBJECTS = "the house,the red car,my brother,the old dog,a small child,our teacher,the train,it"
VERBS = "is,was,has,saw,found,wants,likes,needs"
OBJECTS = "very big,in the garden,a new book,at home,the city,some water,a good day,ready"

Victim = Literal["worker", "driver"]


@dataclass(frozen=True)
class Result:
    """What a run came to; seconds and lines a second."""

    lines: int
    killed: list[str]
    """What was killed, and after how many lines."""
    workers: int
    """Processes that finished shards."""
    seconds: float
    """From the first start to the end of the last, Ray's own starts counted."""
    lines_per_second: float
    """Over all of them."""
    lines_per_second_running: float
    """From the first shard that was finished to the last, what the kills cost counted."""
    pauses: list[float]
    """From each kill to the next shard that was finished."""
    compared: int
    """Lines that were translated once more without Ray, and are the same."""
    lines_per_second_alone: float
    """Of those, by LocalTranslator in this process with as many engines."""
    origin: Origin


def line_of(number: int) -> str:
    """Returns a line of three to eight words that no other number gives."""
    subjects, verbs, objects = (words.split(",") for words in (SUBJECTS, VERBS, OBJECTS))
    return f"{number} {subjects[number % 8]} {verbs[number // 8 % 8]} {objects[number // 64 % 8]}"


def write_lines(path: Path, count: int) -> None:
    """Writes the input."""
    with path.open("w", encoding="utf-8") as file:
        file.writelines(f"{line_of(number)}\n" for number in range(count))


def run(arguments: argparse.Namespace, source: Path, output: Path) -> tuple[list[str], list[float]]:
    """Translates all, killing as asked; returns what was killed, and the pauses after."""
    options = [source, "--bundle", arguments.bundle, "--shard-lines", arguments.shard_lines]
    command = [*options, "--cpus", arguments.engines]
    shards = -(-arguments.lines // arguments.shard_lines)
    killed: list[str] = []
    pauses: list[float] = []
    victims: list[Victim] = arguments.kill
    running = Run(output, *command).__enter__()
    try:
        for index, victim in enumerate(victims, 1):
            running.wait_for(shards * index // (len(victims) + 1))
            finished = len(running.accounts())
            start = time.monotonic()
            if victim == "driver":
                running.process.kill()
                running.end()
                running = Run(output, *command).__enter__()
            else:
                os.kill(running.last_worker(), signal.SIGKILL)
            running.wait_for(finished + 2)  # the one that it was in the middle of may be counted
            killed.append(f"{victim} after {finished * arguments.shard_lines:,} lines")
            pauses.append(round(time.monotonic() - start, 1))
        if code := running.end():
            raise SystemExit(f"it ended with {code}: {running.log}")
    finally:
        running.__exit__(None, None, None)
    return killed, pauses


def check_accounts(output: Path, lines: int) -> list[dict[str, object]]:
    """Returns the accounts of the shards, which add up to all the lines, each translated once."""
    account = (output / "_job/account.jsonl").read_text("utf-8")
    entries = [json.loads(line) for line in account.splitlines()]
    shards = [entry for entry in entries if "shard" in entry]
    position = 1
    for shard in shards:
        assert shard["first_line"] == position, shard
        assert shard["translated"] == shard["lines"], shard
        position += shard["lines"]
    assert position == lines + 1
    assert entries[-1]["total"]["translated"] == lines
    return shards


def running_rate(output: Path, shards: list[dict[str, object]]) -> float:
    """Returns the lines a second between the first shard that was finished and the last."""
    ends = {
        int(path.stem): path.stat().st_mtime for path in (output / "_job/shards").glob("*.json")
    }
    first = min(ends, key=lambda shard: ends[shard])
    lines = sum(int(str(shard["lines"])) for shard in shards if shard["shard"] != first)
    return lines / (max(ends.values()) - ends[first])


def choose(shards: Iterable[dict[str, object]], sample: int, lines: int) -> list[int]:
    """Returns line numbers from 0: the first and last of each shard, and others at random."""
    chosen = set(random.Random(1).sample(range(lines), min(sample, lines)))
    for shard in shards:
        first, count = int(str(shard["first_line"])) - 1, int(str(shard["lines"]))
        chosen |= {first, first + count - 1}
    return sorted(chosen)


def compare(arguments: argparse.Namespace, translated: Path, chosen: list[int]) -> float:
    """Translates the chosen lines alone and compares; returns the lines a second of that."""
    config = Config(bundle=arguments.bundle, engines=arguments.engines)
    with LocalTranslator.open(config) as translator:
        warm_up = islice(chosen, 2000)
        list(translator.translate_stream(map(_request, warm_up)))
        start = time.monotonic()
        outcomes = list(translator.translate_stream(map(_request, chosen)))
        seconds = time.monotonic() - start
    wanted = dict(zip(chosen, outcomes, strict=True))
    count = 0
    with translated.open("rb") as file:
        for number, line in enumerate(file):
            count += 1
            if number in wanted:
                outcome = wanted[number]
                assert isinstance(outcome, Translation), outcome
                assert line == encode_line(outcome.translated_text), (number, line, outcome)
    assert count == arguments.lines
    return len(chosen) / seconds


def _request(number: int) -> StreamTranslateTextRequest:
    request = StreamTranslateTextRequest(content=line_of(number))
    request.options.return_scores = False
    return request


def measure(arguments: argparse.Namespace) -> Result:
    """Writes the lines, has them translated and proves that they are."""
    shutil.rmtree(arguments.directory, ignore_errors=True)
    arguments.directory.mkdir(parents=True)
    source, output = arguments.directory / "lines.en", arguments.directory / "translated"
    write_lines(source, arguments.lines)
    loads = [load_average()]
    start = time.monotonic()
    killed, pauses = run(arguments, source, output)
    seconds = time.monotonic() - start
    loads.append(load_average())
    shards = check_accounts(output, arguments.lines)
    chosen = choose(shards, arguments.sample, arguments.lines)
    alone = compare(arguments, output / source.name, chosen)
    return Result(
        lines=arguments.lines,
        killed=killed,
        workers=len({str(shard["worker"]) for shard in shards}),
        seconds=round(seconds, 1),
        lines_per_second=round(arguments.lines / seconds, 1),
        lines_per_second_running=round(running_rate(output, shards), 1),
        pauses=pauses,
        compared=len(chosen),
        lines_per_second_alone=round(alone, 1),
        origin=Origin.here("ray_million", ("ray", "onnxruntime"), [*loads, load_average()]),
    )


def main() -> None:
    """Reads the command line and prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bundle", type=Path, required=True)
    parser.add_argument("--lines", type=int, default=1_000_000)
    parser.add_argument("--shard-lines", type=int, default=2000)
    parser.add_argument("--engines", type=int, default=CORES)
    parser.add_argument("--kill", action="append", default=[], choices=["worker", "driver"])
    parser.add_argument("--sample", type=int, default=20_000, help="lines compared, and some more")
    parser.add_argument("--directory", type=Path, default=Path("build/ray-million"))
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    result = measure(arguments)
    rows = [(name, str(value)) for name, value in asdict(result).items() if name != "origin"]
    print(text_table(("", f"{result.origin.machine}; {result.origin.libraries}"), rows))
    if arguments.json:
        arguments.json.parent.mkdir(parents=True, exist_ok=True)
        arguments.json.write_text(json.dumps(asdict(result), indent=1) + "\n")


if __name__ == "__main__":
    main()
