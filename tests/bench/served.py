"""Text to text through gRPC, beside CTranslate2 from token ids to token ids.

    python -m tests.bench.served --data DIR --json build/bench/served.json

`dragoman serve` at its defaults and a client, which share the machine; calls of 50 texts, all of
them at once. CTranslate2 does without tokenizer, protocol and client, at the setting that is found
to be its best. They take turns: A B, B A, ...
"""

import argparse
import asyncio
import time
from pathlib import Path
from typing import get_args

from sacrebleu import BLEU

from dragoman import AsyncClient
from dragoman_server.models.bundle import Bundle
from tests.bench.corpus import Corpus, encode
from tests.bench.entrants import Entrant, entrants
from tests.bench.models import ModelName, find_files, load_model, prepare
from tests.bench.origin import Origin, load_average
from tests.bench.progress import stage
from tests.bench.served_report import ServedReport, Service, served_table
from tests.bench.systems import Precision
from tests.bench.tables import text_table
from tests.bench.turns import in_turns
from tests.bench.worker import SHORTEST_SECONDS
from tests.integration.served import Served

LIBRARIES = ("onnxruntime", "ctranslate2", "grpcio", "protobuf")

MODEL: ModelName = "shipped"
"""Whose translations end by themselves: through gRPC each text has the call's options."""

CALL = 50
"""Texts of a call."""


async def _translate(client: AsyncClient, texts: list[str]) -> list[str]:
    calls = [texts[start : start + CALL] for start in range(0, len(texts), CALL)]
    answers = await asyncio.gather(
        *(client.translate(call, beam_size=1, segmentation="none") for call in calls)
    )
    return [each.translated_text for answer in answers for each in answer]


async def _drive(server: Served, texts: list[str]) -> tuple[float, list[str]]:
    """Returns target tokens per second, and the translations."""
    async with AsyncClient(server.address) as client:
        await _translate(client, texts[: len(texts) // 4])
        counted, passes, started = server.metric("target_tokens_total"), 0, time.perf_counter()
        while time.perf_counter() - started < SHORTEST_SECONDS:
            translated = await _translate(client, texts)
            passes += 1
        seconds = time.perf_counter() - started
    tokens = server.metric("target_tokens_total") - counted + passes * len(texts)
    return tokens / seconds, translated


def serve(bundle: Path, texts: list[str]) -> tuple[float, list[str]]:
    """Starts a server and drives it; returns target tokens per second, and the translations."""
    with Served(bundle) as server:
        return asyncio.run(_drive(server, texts))


def compare(precision: Precision, corpus: Corpus, *, runs: int, reuse: bool) -> Service:
    """Measures both in turns."""
    files = (find_files if reuse else prepare)(load_model(MODEL), precision)
    workload = encode(corpus, Bundle.load(files.bundle), forced_lengths=False)
    (peer,) = entrants({precision: files}, workload, workload, [1], ["ctranslate2"])
    with stage(f"{peer.setting.title}: its best setting"):
        peer.tune()
    served: list[float] = []
    texts: list[str] = []
    for number in range(runs):
        for is_ours in in_turns((False, True), number):
            with stage(f"{'served' if is_ours else peer.setting.title}: run {number + 1}"):
                if is_ours:
                    speed, texts = serve(files.bundle, corpus.sources)
                    served.append(speed)
                else:
                    peer.run()
    bleu = BLEU().corpus_score(texts, [corpus.references]).score if corpus.references else None
    return Service(MODEL, precision, served, _speeds(peer), peer.setting.how, bleu)


def _speeds(entrant: Entrant) -> list[float]:
    return [run.tokens_per_second for run in entrant.runs]


def main() -> None:
    """Prints a table, and writes JSON where asked to."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add, precisions = parser.add_argument, get_args(Precision)
    add("--precision", choices=precisions, nargs="+", default=list(precisions))
    add("--runs", type=int, default=5, help="of each; medians are told")
    add("--data", type=Path, help="test sets tatoeba_test and flores_dev; default: a sample")
    add("--reuse", action="store_true", help="the models that an earlier benchmark converted")
    add("--json", type=Path, help="all the figures")
    arguments = parser.parse_args()
    corpus = Corpus.read(arguments.data) if arguments.data else Corpus.built_in()
    services, loads = [], [load_average()]
    for precision in arguments.precision:
        services.append(compare(precision, corpus, runs=arguments.runs, reuse=arguments.reuse))
        loads.append(load_average())
    origin = Origin.here("tests.bench.served", LIBRARIES, loads)
    print(origin.heading(corpus.name, arguments.runs))
    print(text_table(*served_table(services)))
    if arguments.json:
        ServedReport(origin, corpus.name, services).save(arguments.json)


if __name__ == "__main__":
    main()
