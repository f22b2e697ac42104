"""Several models in one server: what those cost that are idle, how busy ones share, how one is
replaced under load.

    python -m tests.bench.many_models idle|shares|replace --bundle DIR [--input FILE]

`idle`: the rate of one model alone, and beside nine others that nobody asks. `shares`: the rates of
two busy models, with equal weights and with 3 to 1. `replace`: single sentences at a given rate
while the model is replaced again and again, by a copy of another precision where --other names one:
each answer must be the one that the version gives which it says that it is of.
"""

import argparse
import asyncio
import itertools
import random
import shutil
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path

from grpc import aio

from dragoman import AsyncClient, Client
from dragoman.v1.translation_pb2 import TranslateTextRequest
from dragoman.v1.translation_pb2_grpc import TranslationServiceStub
from tests.bench.tables import text_table
from tests.integration.bundles import copy_bundle
from tests.integration.served import Served

SENTENCES = [f"There are {number} trains to the city every day." for number in range(200)]

CALL_TEXTS, CALLS = 64, 8
"""Of a busy caller: texts of a call, and calls at a time."""

WARM_UP_SECONDS = 3.0
TAIL_SECONDS = 1.0
"""For which callers go on, so that those at the end are as many as before."""

CONNECTIONS = 8
"""Of the single sentences: a connection has a share of the calls that a server takes."""


def main() -> None:
    """Runs one of the three and prints a table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add = parser.add_argument
    add("what", choices=["idle", "shares", "replace"])
    add("--bundle", type=Path, required=True)
    add("--other", type=Path, help="what the model is replaced by, and by it again")
    add("--input", type=Path, help="sentences, one a line")
    add("--seconds", type=float, default=10.0, help="of each run")
    add("--turns", type=int, default=3)
    add("--rate", type=float, default=100.0, help="sentences a second, of `replace`")
    add("--times", type=int, default=20, help="that the model is replaced")
    add("--every", type=float, default=6.0, help="seconds between two replacements")
    arguments = parser.parse_args()
    texts = arguments.input.read_text("utf-8").splitlines() if arguments.input else SENTENCES
    run = {"idle": _idle, "shares": _shares, "replace": _replace}[arguments.what]
    run(arguments, texts)


def _idle(arguments: argparse.Namespace, texts: list[str]) -> None:
    rates: dict[str, list[float]] = {"alone": [], "beside nine": []}
    with _models(arguments.bundle, 10) as ten, _models(arguments.bundle, 1) as one:
        for turn in range(arguments.turns):
            order = [("alone", one), ("beside nine", ten)]
            for name, directory in order if turn % 2 == 0 else reversed(order):
                with Served(None, models=directory, models_poll_seconds=1) as server:
                    (rate,) = asyncio.run(
                        _busy(server.address, ["model0"], texts, arguments.seconds)
                    )
                rates[name].append(rate)
    alone, beside = (statistics.median(each) for each in rates.values())
    rows = [(name, f"{statistics.median(each):.0f}", _list(each)) for name, each in rates.items()]
    print(text_table(("one busy model", "texts/s", "turns"), rows))
    print(f"beside nine idle ones {beside / alone:.1%} of its rate alone")


def _shares(arguments: argparse.Namespace, texts: list[str]) -> None:
    settings = {"alone": ["model0"], "1:1": ["model0", "model1"], "3:1": ["model0", "model1"]}
    rates: dict[str, list[list[float]]] = {name: [] for name in settings}
    with _models(arguments.bundle, 2) as directory:
        for turn in range(arguments.turns):
            for name in settings if turn % 2 == 0 else reversed(settings):
                weights = f"model0={name[0]},model1=1" if ":" in name else "model0=1"
                with Served(None, models=directory, model_weights=weights) as server:
                    found = _busy(server.address, settings[name], texts, arguments.seconds)
                    rates[name].append(asyncio.run(found))
    alone = statistics.median(sum(each) for each in rates["alone"])
    rows = []
    for name, turns in rates.items():
        total = statistics.median(sum(each) for each in turns)
        first = statistics.median(each[0] / sum(each) for each in turns)
        sums = _list(sum(each) for each in turns)
        rows.append((name, f"{total:.0f}", f"{total / alone:.1%}", f"{first:.1%}", sums))
    print(text_table(("weights", "texts/s", "of one alone", "the first has", "turns"), rows))


def _replace(arguments: argparse.Namespace, texts: list[str]) -> None:
    bundles = [arguments.bundle, arguments.other or arguments.bundle]
    with tempfile.TemporaryDirectory() as root:
        directory = Path(root)
        for number, bundle in enumerate(bundles):
            copy_bundle(bundle, directory / f".{number}", "model")
        shutil.copytree(directory / ".0", directory / "model")
        expected = _expected([directory / ".0", directory / ".1"], texts)
        with Served(None, models=directory, models_poll_seconds=0.2) as server:
            latencies, failures = asyncio.run(
                _replaced(server.address, directory, texts, expected, arguments)
            )
            reloads = sum('"event": "model_loaded"' in line for line in server.log) - 1
    rows = [
        (name, str(len(each)), *(f"{_quantile(each, share) * 1000:.0f}" for share in (0.5, 0.97)))
        for name, each in latencies.items()
    ]
    print(text_table(("", "answers", "p50, ms", "p97, ms"), rows))
    before, during = (_quantile(each, 0.97) for each in latencies.values())
    print(f"loaded {reloads} times beside load; p97 {during / before:.2f} times that before")
    print(f"failures: {dict(failures) or 'none'}")


async def _replaced(
    address: str,
    directory: Path,
    texts: list[str],
    expected: dict[str, dict[str, str]],
    arguments: argparse.Namespace,
) -> tuple[dict[str, list[float]], Counter[str]]:
    """Sends sentences before and while the model is replaced."""
    found: dict[str, list[float]] = {"before": [], "while it is replaced": []}
    failures: Counter[str] = Counter()
    chance = random.Random(1)
    loop = asyncio.get_running_loop()
    replacing: asyncio.Task[None] | None = None
    # Else channels of one process to one address share a connection.
    options = [("grpc.use_local_subchannel_pool", 1)]
    async with AsyncExitStack() as stack:
        stubs = [
            TranslationServiceStub(
                await stack.enter_async_context(aio.insecure_channel(address, options=options))
            )
            for _ in range(CONNECTIONS)
        ]

        async def one(due: float, text: str, latencies: list[float]) -> None:
            request = TranslateTextRequest(contents=[text])
            try:
                answer = (await chance.choice(stubs).TranslateText(request)).translations[0]
            except aio.AioRpcError as error:
                failures[f"{error.code().name}: {error.details()}"] += 1
                return
            latencies.append(loop.time() - due)
            if answer.translated_text != expected[answer.model_version][text]:
                failures["another version's answer"] += 1

        async with asyncio.TaskGroup() as tasks:
            for phase, latencies in enumerate(found.values()):
                if phase:
                    replacing = tasks.create_task(
                        _switch(directory, arguments.times, arguments.every)
                    )
                end = loop.time() + arguments.seconds
                due = loop.time()
                while (replacing is not None and not replacing.done()) or due < end:
                    due += chance.expovariate(arguments.rate)
                    await asyncio.sleep(due - loop.time())
                    tasks.create_task(one(due, chance.choice(texts), latencies))
    return found, failures


async def _switch(directory: Path, times: int, seconds: float) -> None:
    """Puts one bundle in the place of the other, each by two renames of its directory."""
    for number in range(times):
        source, new, old = (directory / name for name in (f".{(number + 1) % 2}", ".new", ".old"))
        await asyncio.to_thread(shutil.copytree, source, new)
        (directory / "model").rename(old)
        new.rename(directory / "model")
        await asyncio.to_thread(shutil.rmtree, old)
        await asyncio.sleep(seconds)


def _expected(bundles: list[Path], texts: list[str]) -> dict[str, dict[str, str]]:
    """Returns what each version answers to each text, where it is the only one."""
    answers = {}
    for bundle in bundles:
        with Served(bundle) as server, Client(server.address) as client:
            answered = client.translate(texts)
        pairs = zip(texts, answered, strict=True)
        answers[answered[0].model_version] = {text: each.translated_text for text, each in pairs}
    return answers


async def _busy(address: str, models: list[str], texts: list[str], seconds: float) -> list[float]:
    """Keeps all the models busy at once; returns the texts a second that each translates.

    Counted while all are: from some time after the first call until some time before the last.
    """
    counts = Counter[str]()
    begins = time.monotonic() + WARM_UP_SECONDS
    ends = begins + seconds
    async with AsyncClient(address, timeout=120) as client:

        async def caller(model: str, order: Iterator[str]) -> None:
            while time.monotonic() < ends + TAIL_SECONDS:
                await client.translate(list(itertools.islice(order, CALL_TEXTS)), model=model)
                if begins <= time.monotonic() < ends:
                    counts[model] += CALL_TEXTS

        orders = [itertools.cycle(texts) for _ in range(CALLS)]
        await asyncio.gather(*(caller(model, order) for order in orders for model in models))
    return [counts[model] / seconds for model in models]


@contextmanager
def _models(bundle: Path, count: int) -> Iterator[Path]:
    """A directory of copies of a bundle, called model0, model1, ..."""
    with tempfile.TemporaryDirectory() as root:
        for number in range(count):
            copy_bundle(bundle, Path(root) / f"model{number}", f"model{number}")
        yield Path(root)


def _list(values: Iterator[float] | list[float]) -> str:
    return ", ".join(f"{value:.0f}" for value in values)


def _quantile(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[int(share * (len(ordered) - 1))]


if __name__ == "__main__":
    main()
