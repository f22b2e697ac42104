"""Prints of how many real sentences TorchScript of 16 bits says something else than float32.

Usage: python -m tests.families.real_text.halves DATA [--sentences N] [--bundles FLOAT32 OTHER ...]
"""

import argparse
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from dragoman.v1.translation_pb2 import DecodingOptions
from dragoman_export.export import ExportRequest, export
from dragoman_export.workbench import PlainPrecision
from dragoman_server.models import Bundle
from tests.bench.tables import markdown_table
from tests.export import tiny
from tests.families.real_text.counts import BEAM_SIZES
from tests.families.real_text.models import Model, models
from tests.families.real_text.spelled import Asked, Spelled, spelled
from tests.families.real_text.texts import RealTexts, read
from tests.families.real_text.worker import prepare

FAMILIES = ("Marian", "NLLB-200", "T5", "BART")
"""Of which the first model that is trained is taken."""

PRECISIONS: tuple[PlainPrecision, ...] = ("float32", "float16", "bfloat16")

HEADINGS = (
    "model",
    "precision",
    *(f"{'greedy' if size == 1 else f'beam {size}'}: said differently" for size in BEAM_SIZES),
    "mean log-probability difference",
)


def main() -> int:
    """Compares all of them with the first of each model."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("data", type=Path, help="directory of the parallel text")
    parser.add_argument("--sentences", type=int, default=200)
    parser.add_argument("--bundles", type=Path, nargs="+", help="of one model, not of families'")
    arguments = parser.parse_args()
    prepare()
    texts = read(arguments.data, arguments.sentences)
    rows = (
        compared(arguments.bundles[0].name, arguments.bundles, [*_asked(None, texts)])
        if arguments.bundles
        else [row for family in FAMILIES for row in _of_family(family, texts)]
    )
    print(markdown_table(HEADINGS, rows))
    return 0


def compared(name: str, bundles: Sequence[Path], everything: Sequence[Asked]) -> list[list[str]]:
    """A row for each bundle but the first."""
    first, *others = bundles
    expected = spelled(first, everything)
    rows = []
    for bundle in others:
        manifest = Bundle.load(bundle).manifest
        differs = differing(everything, spelled(bundle, everything), expected)
        difference = f"{manifest.parity.mean_log_prob_difference:.2g}"
        rows.append([name, manifest.precision, *map(str, differs), difference])
    return rows


def differing(
    everything: Sequence[Asked], found: Sequence[Spelled], expected: Sequence[Spelled]
) -> list[int]:
    """Of how many texts the tokens are others, for each of BEAM_SIZES."""
    differs = dict.fromkeys(BEAM_SIZES, 0)
    for asked, ours, theirs in zip(everything, found, expected, strict=True):
        differs[asked.options.beam_size] += ours.token_ids != theirs.token_ids
    return list(differs.values())


def _of_family(family: str, texts: RealTexts) -> list[list[str]]:
    model = next(model for model in models() if model.family == family and model.steps)
    with tempfile.TemporaryDirectory() as directory:
        scratch = Path(directory)
        model.make(scratch / "checkpoint", texts.corpus._replace(steps=model.steps))
        for precision in PRECISIONS:
            request = ExportRequest(
                checkpoint=scratch / "checkpoint",
                output=scratch / precision,
                precision=precision,
                format="torchscript",
                sentences=texts.sentences["en"],
                source_language=model.languages[0],
                target_language=model.languages[1],
                attention=False,
            )
            export(request, tiny.no_progress)
        bundles = [scratch / precision for precision in PRECISIONS]
        return compared(family, bundles, [*_asked(model, texts)])


def _asked(model: Model | None, texts: RealTexts) -> Iterator[Asked]:
    """English, into the first language of the model's that it is to go into."""
    for text in texts.sentences["en"]:
        for beam_size in BEAM_SIZES:
            options = DecodingOptions(beam_size=beam_size)
            yield Asked(text, options, *([model.directions[0]] if model else []))


if __name__ == "__main__":
    sys.exit(main())
