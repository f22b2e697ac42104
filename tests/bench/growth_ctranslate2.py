"""CTranslate2's decoding steps: one worker of one thread, all sentences in one batch."""

import json
import time

import ctranslate2

from tests.bench.growth_worker import Decode, Job, Point, random_sources


def load_decode(job: Job) -> Decode:
    """Returns how long it takes."""
    translator = ctranslate2.Translator(
        str(job.model),
        device="cpu",
        inter_threads=1,
        intra_threads=1,
        compute_type=job.precision,
    )
    vocabulary = (job.model / "shared_vocabulary.json").read_text("utf-8")
    tokens: list[str] = json.loads(vocabulary)

    def decode(point: Point, length: int) -> float:
        pieces = [[tokens[index] for index in source] for source in random_sources(point)]
        started = time.perf_counter()
        translator.translate_batch(
            pieces,
            beam_size=point.beam_size,
            min_decoding_length=length,
            max_decoding_length=length,
            max_input_length=0,
            return_scores=False,
        )
        return time.perf_counter() - started

    return decode
