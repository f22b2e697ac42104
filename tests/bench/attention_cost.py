"""What alignment and attention cost beside translating, in one process without gRPC.

    python -m tests.bench.attention_cost BUNDLE [--sentences 1000]

Everyday sentences; off, alignment and attention in turn, then the other way round. Processor time
says what there is to do, whatever else the machine does; memory is the process' own.
"""

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

from dragoman.v1.translation_pb2 import (
    SEGMENTATION_NONE,
    StreamTranslateTextRequest,
    Translation,
)
from dragoman_server.config import Config
from dragoman_server.local import LocalTranslator
from tests.integration.conftest import everyday_sentences

FIELDS = ("", "return_alignment", "return_attention")


def main() -> None:
    """Prints a line for each turn."""
    parser = argparse.ArgumentParser()
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--sentences", type=int, default=1000)
    arguments = parser.parse_args()
    lines = everyday_sentences()[: arguments.sentences]
    with LocalTranslator.open(Config(bundle=(arguments.bundle,), engines=2)) as translator:
        plain = measured(translator, lines, "")  # warms up
        for field in (*FIELDS, *reversed(FIELDS)):
            if measured(translator, lines, field) != plain:
                raise AssertionError(f"{field} changes translations")


def measured(translator: LocalTranslator, lines: Sequence[str], field: str) -> list[str]:
    """Prints what it took; returns the translations."""
    requests = [  # whole, as those are who ask for attention
        StreamTranslateTextRequest(content=line, segmentation=SEGMENTATION_NONE) for line in lines
    ]
    for request in requests:
        if field:
            setattr(request, field, True)
    began, worked = time.perf_counter(), time.process_time()
    outcomes = list(translator.translate_stream(requests))
    seconds, processor = time.perf_counter() - began, time.process_time() - worked
    translations = [outcome for outcome in outcomes if isinstance(outcome, Translation)]
    tokens = sum(translation.target_token_count for translation in translations)
    print(
        f"{field or 'off':18}{tokens / seconds:8,.0f} tokens/s, {tokens / processor:8,.0f} for a "
        f"second of processor time, {len(outcomes) - len(translations)} refused, "
        f"{resident():,.0f} MB"
    )
    return [translation.translated_text for translation in translations]


def resident() -> float:
    """Megabytes of this process."""
    status = Path("/proc/self/status").read_text()
    (line,) = [line for line in status.splitlines() if line.startswith("VmRSS:")]
    return int(line.split()[1]) / 1024


if __name__ == "__main__":
    main()
