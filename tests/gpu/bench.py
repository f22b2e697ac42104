"""Throughput on a GPU: Dragoman float16 beside transformers and, where it is there, CTranslate2.

    python -m tests.gpu.bench --json gpu.json

The carried sentences, repeated; ids to ids, no tokenizer. Each system gets all the sentences at
once, in a few batch sizes. Tokens are those of the outputs, end tokens counted. Prints one JSON,
then a table.
"""

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import onnxruntime

from dragoman_server.runtime.buckets import buckets
from dragoman_server.sequence import TranslationOptions
from tests.gpu.bare import ROOT
from tests.gpu.carried import BEAM_SIZES, DEVICE, DIRECTORY, MAX_LENGTH, Workload
from tests.gpu.loaded import Loaded, load
from tests.server.engine.stepping import translate_all

CHECKPOINT = ROOT / "export/checkpoints/marian-en-de"

STEP_RUNS = 50

Translate = Callable[[list[list[int]], int], list[list[int]]]
"""Source tokens and a beam size to target tokens."""


class Result(NamedTuple):
    """One system in one setting."""

    system: str
    beam_size: int
    batch_size: int
    """Rows, or sentences of a batch."""
    tokens: int
    seconds: float

    @property
    def tokens_per_second(self) -> float:
        """Throughput."""
        return self.tokens / self.seconds


def main() -> None:
    """Measures everything that is there."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--json", type=Path, help="where the figures are written, too")
    parser.add_argument("--repeat", type=int, default=8, help="times that the sentences are used")
    parser.add_argument("--batch-sizes", type=int, nargs="+", default=[64, 128, 256])
    arguments = parser.parse_args()
    workload = Workload.read(DIRECTORY)
    sources = workload.sources * arguments.repeat
    results: list[Result] = []
    steps: dict[int, float] = {}
    for batch_size in arguments.batch_sizes:
        loaded = load("float16", batch_size, longest_source=max(map(len, sources)))
        for beam_size in BEAM_SIZES:
            dragoman = _dragoman(loaded, batch_size)
            results.append(_measure("dragoman", dragoman, sources, beam_size, batch_size))
        steps |= _step_seconds(loaded, batch_size)
    for system, translators in (("transformers", _transformers), ("ctranslate2", _ctranslate2)):
        for batch_size, translate in _available(translators, arguments.batch_sizes):
            results += [
                _measure(system, translate, sources, beam_size, batch_size)
                for beam_size in BEAM_SIZES
            ]
    report = {
        "device": DEVICE,
        "onnxruntime": onnxruntime.__version__,
        "sentences": len(sources),
        "step_milliseconds": {rows: seconds * 1e3 for rows, seconds in sorted(steps.items())},
        "results": [r._asdict() | {"tokens_per_second": r.tokens_per_second} for r in results],
    }
    text = json.dumps(report, indent=1)
    print(text)
    if arguments.json:
        arguments.json.write_text(text)
    _print_table(results, steps)


def _measure(
    system: str, translate: Translate, sources: list[list[int]], beam_size: int, batch_size: int
) -> Result:
    translate(sources[: 2 * batch_size], beam_size)  # whatever is done once
    started = time.perf_counter()
    targets = translate(sources, beam_size)
    seconds = time.perf_counter() - started
    result = Result(system, beam_size, batch_size, sum(len(t) + 1 for t in targets), seconds)
    print(f"{result} {result.tokens_per_second:,.0f} tokens/s", file=sys.stderr)
    return result


def _dragoman(loaded: Loaded, max_rows: int) -> Translate:
    def translate(sources: list[list[int]], beam_size: int) -> list[list[int]]:
        options = TranslationOptions(MAX_LENGTH, beam_size=beam_size, return_scores=False)
        requests = [(source, options) for source in sorted(sources, key=len, reverse=True)]
        completions = translate_all(
            loaded.runner, loaded.manifest, requests, max_rows=max_rows, max_encode_tokens=4096
        )
        return [completion.token_ids for completion in completions]

    return translate


def _step_seconds(loaded: Loaded, max_rows: int) -> dict[int, float]:
    """Median time of a step by its number of rows, transfers included."""
    medians = {}
    for rows in buckets(max_rows):
        zeros = np.zeros(rows, np.int32)
        tokens, positions = np.ones(rows, np.int64), np.full(rows, MAX_LENGTH // 4, np.int32)
        seconds = []
        for _ in range(STEP_RUNS):
            started = time.perf_counter()
            loaded.runner.decode(tokens, positions, zeros, candidate_count=1, with_normalizers=True)
            seconds.append(time.perf_counter() - started)
        medians[rows] = statistics.median(seconds)
    return medians


def _available(
    translators: Callable[[int], Translate], batch_sizes: list[int]
) -> Iterator[tuple[int, Translate]]:
    for batch_size in batch_sizes:
        try:
            translate = translators(batch_size)
        except Exception as error:  # noqa: BLE001 - what is not there is left out, and said
            print(f"left out: {error!r}", file=sys.stderr)
            return
        yield batch_size, translate


def _transformers(batch_size: int) -> Translate:
    """`generate` in float16, sentences of like length together."""
    import torch  # noqa: PLC0415
    from transformers import GenerationConfig, MarianMTModel  # noqa: PLC0415

    dtype = torch.float16 if DEVICE == "cuda" else torch.float32
    model = MarianMTModel.from_pretrained(CHECKPOINT, dtype=dtype).eval().to(DEVICE)
    special = model.generation_config

    def generate(batch: list[list[int]], beam_size: int) -> list[list[int]]:
        longest = max(map(len, batch))
        pad, end = special.pad_token_id, special.eos_token_id
        ids = torch.tensor([[*ids, *[pad] * (longest - len(ids))] for ids in batch], device=DEVICE)
        output = model.generate(
            input_ids=ids,
            attention_mask=ids.ne(pad).long(),
            generation_config=GenerationConfig(
                num_beams=beam_size,
                max_new_tokens=MAX_LENGTH + 1,
                do_sample=False,
                pad_token_id=pad,
                eos_token_id=end,
                decoder_start_token_id=special.decoder_start_token_id,
                bad_words_ids=special.bad_words_ids,
            ),
        )
        rows = [row[1:] for row in output.tolist()]
        return [row[: row.index(end)] if end in row else row for row in rows]

    return _batched(generate, batch_size)


def _ctranslate2(batch_size: int) -> Translate:
    """In float16, from a model converted beforehand to build/gpu/ctranslate2."""
    import ctranslate2  # noqa: PLC0415

    path = DIRECTORY / "ctranslate2"
    translator = ctranslate2.Translator(
        str(path), device=DEVICE, compute_type="float16" if DEVICE == "cuda" else "float32"
    )
    tokens: list[str] = json.loads((path / "shared_vocabulary.json").read_text("utf-8"))
    ids = {token: index for index, token in enumerate(tokens)}

    def translate(sources: list[list[int]], beam_size: int) -> list[list[int]]:
        results: Any = translator.translate_batch(
            [[tokens[index] for index in source] for source in sources],
            max_batch_size=batch_size,
            beam_size=beam_size,
            max_decoding_length=MAX_LENGTH,
            return_scores=False,
        )
        return [[ids[token] for token in result.hypotheses[0]] for result in results]

    return translate


def _batched(
    generate: Callable[[list[list[int]], int], list[list[int]]], batch_size: int
) -> Translate:
    def translate(sources: list[list[int]], beam_size: int) -> list[list[int]]:
        ordered = sorted(sources, key=len)
        targets: list[list[int]] = []
        for start in range(0, len(ordered), batch_size):
            targets += generate(ordered[start : start + batch_size], beam_size)
        return targets

    return translate


def _print_table(results: list[Result], steps: dict[int, float]) -> None:
    print(f"\n{'system':<14}{'beam':>5}{'batch':>7}{'tokens/s':>12}")
    for result in sorted(results, key=lambda r: (r.beam_size, -r.tokens_per_second)):
        print(
            f"{result.system:<14}{result.beam_size:>5}{result.batch_size:>7}"
            f"{result.tokens_per_second:>12,.0f}"
        )
    print("\nstep, ms: " + ", ".join(f"{r} rows {s * 1e3:.2f}" for r, s in sorted(steps.items())))


if __name__ == "__main__":
    main()
