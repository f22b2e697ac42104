"""What becomes of the tags of lines that have some, and what that costs.

    python -m tests.bench.markup --bundle DIR --data DIR [--lines 1000]

Lines of tatoeba_test with one to three inline elements each, put round words at random, the same
in every run. Prints how many lines have not each tag once, byte for byte, in the elements that it
was in, and how many have other words than the plain line's translation; then processor time of
the same lines as plain text, without and with alignments, and as HTML. One engine in this process.
"""

import argparse
import html
import random
import re
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from dragoman.v1.translation_pb2 import StreamTranslateTextRequest, Translation
from dragoman_server.config import Config
from dragoman_server.local import LocalTranslator
from tests.bench.quality import read_lines
from tests.bench.turns import in_turns

TAG = re.compile(r"<[^<>]*>")

SEED = 19

PAIRS = (
    '<b class="x">',
    "<i  lang='en'>",
    '<a href="/find?q=1&amp;r=2" title="one &quot;two&quot;">',
    "<SPAN data-n=3>",
    '<g id="4">',
)
ALONE = ('<img src="a.png" alt="a &gt; b">', '<x id="5"/>', "<wbr>")


def marked_up(line: str, generator: random.Random) -> str:
    """Returns a line as HTML with one to three elements round or between its words."""
    words = [html.escape(word, quote=False) for word in line.split()]
    spans: list[tuple[int, int]] = []
    before: list[list[str]] = [[] for _ in range(len(words) + 1)]
    after: list[list[str]] = [[] for _ in range(len(words) + 1)]
    for _ in range(generator.randint(1, 3)):
        begin = generator.randrange(len(words))
        end = generator.randint(begin + 1, min(len(words), begin + 4))
        if generator.random() < 0.25 or any(_crosses((begin, end), span) for span in spans):
            before[begin].append(generator.choice(ALONE))
            continue
        spans.append((begin, end))
    for begin, end in sorted(spans, key=lambda span: (span[0], -span[1])):
        tag = generator.choice(PAIRS)
        before[begin].append(tag)
        after[end - 1].insert(0, f"</{tag[1:].split()[0]}>")
    pieces = zip(before, [*words, ""], after, strict=True)
    return " ".join("".join([*tags, word, *closing]) for tags, word, closing in pieces).strip()


def nesting(markup: str) -> Counter[tuple[str, ...]] | None:
    """Returns each tag with those that it is in; None where an end tag is not the innermost's."""
    found: Counter[tuple[str, ...]] = Counter()
    inside: list[str] = []
    for tag in TAG.findall(markup):
        if tag.startswith("</"):
            if not inside or tag[2:-1] != inside.pop()[1:].split()[0].rstrip(">"):
                return None
            continue
        found[(*inside, tag)] += 1
        if tag not in ALONE:
            inside.append(tag)
    return None if inside else found


def words_of(markup: str) -> str:
    """Returns the text between tags, without white space: an element may stand between two."""
    return "".join(html.unescape(TAG.sub("", markup)).split())


def _crosses(one: tuple[int, int], other: tuple[int, int]) -> bool:
    apart = one[1] <= other[0] or other[1] <= one[0]
    within = one[0] <= other[0] and other[1] <= one[1]
    return not (apart or within or (other[0] <= one[0] and one[1] <= other[1]))


def translated(
    translator: LocalTranslator, lines: Sequence[str], **fields: object
) -> list[Translation]:
    requests = [
        StreamTranslateTextRequest(content=line, **fields)  # type: ignore[arg-type]
        for line in lines
    ]
    outcomes = list(translator.translate_stream(requests))
    found = [each for each in outcomes if isinstance(each, Translation)]
    if len(found) < len(lines):
        raise AssertionError(f"{len(lines) - len(found)} lines failed")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bundle", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--lines", type=int, default=1000)
    parser.add_argument("--turns", type=int, default=3)
    arguments = parser.parse_args()
    lines = read_lines(arguments.data / "tatoeba_test.en")[: arguments.lines]
    generator = random.Random(SEED)
    pages = [marked_up(line, generator) for line in lines]
    with LocalTranslator.open(Config(bundle=(arguments.bundle,), engines=1)) as translator:
        report(translator, lines, pages)

        def timed(what: Sequence[str], **fields: object) -> Callable[[], float]:
            def run() -> float:
                began_at = time.process_time()
                translated(translator, what, **fields)
                return time.process_time() - began_at

            return run

        ways = {
            "plain text": timed(lines),
            "plain text, return_alignment": timed(lines, return_alignment=True),
            "text/html": timed(pages, mime_type="text/html"),
            "text/html without tags": timed(
                [html.escape(line, quote=False) for line in lines], mime_type="text/html"
            ),
        }
        seconds: dict[str, list[float]] = {name: [] for name in ways}
        for number in range(arguments.turns):
            for name in in_turns(list(ways), number):
                seconds[name].append(ways[name]())
        for name, found in seconds.items():
            print(f"{name:30} {min(found):6.2f} to {max(found):6.2f} s")


def report(translator: LocalTranslator, lines: Sequence[str], pages: Sequence[str]) -> None:
    """Prints what became of the tags."""
    plain = translated(translator, lines)
    answers = translated(translator, pages, mime_type="text/html")
    tags = sum(len(TAG.findall(page)) for page in pages)
    lost = broken = other = 0
    for page, answer, line in zip(pages, answers, plain, strict=True):
        text = answer.translated_text
        lost += sorted(TAG.findall(text)) != sorted(TAG.findall(page))
        broken += nesting(text) != nesting(page)
        other += words_of(text) != "".join(line.translated_text.split())
    warned = sum(bool(answer.warnings) for answer in answers)
    print(
        f"{len(pages):,} lines with {tags:,} tags: {lost} with lost or changed ones, {broken} with "
        f"broken nesting, {other} with other words, {warned} with warnings"
    )


if __name__ == "__main__":
    main()
