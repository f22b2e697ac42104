"""BLEU and chrF of what a running server translates.

python -m tests.bench.quality --target 127.0.0.1:50051 --input test.en --reference test.de
"""

import argparse
from pathlib import Path

import sacrebleu

from dragoman import Client, FinishReason


def read_lines(path: Path) -> list[str]:
    """Lines at line feeds alone, as test sets are aligned."""
    return path.read_text("utf-8").removesuffix("\n").split("\n")


def main() -> None:
    """Prints both scores with their signatures."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--target", default="127.0.0.1:50051", help="host:port of the server")
    parser.add_argument("--input", type=Path, required=True, help="sources, one a line")
    parser.add_argument("--reference", type=Path, required=True, help="references, one a line")
    arguments = parser.parse_args()
    sources, references = read_lines(arguments.input), read_lines(arguments.reference)
    with Client(arguments.target) as client:
        translations = client.translate(sources, return_scores=False)
    texts = [translation.translated_text for translation in translations]
    cut = sum(translation.finish_reason is FinishReason.LENGTH for translation in translations)
    print(f"{len(texts)} sentences, {cut} cut at the longest length")
    for metric in (sacrebleu.BLEU(), sacrebleu.CHRF()):
        print(metric.corpus_score(texts, [references]).format(signature=metric.get_signature()))


if __name__ == "__main__":
    main()
