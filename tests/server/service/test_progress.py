"""How much of a translation's beginning stays, whatever comes."""

from pathlib import Path
from typing import Any

import pytest
from sentencepiece import SentencePieceProcessor

from dragoman.v1.translation_pb2 import StreamTranslateTextRequest
from dragoman_server.service.progress import Beginning, WholeProgress
from tests.server.service.harness import running

PIECES = Path(__file__).parents[3] / "export/checkpoints/marian-en-de/target.spm"


async def test_greedy_words_and_finished_sentences_are_settled() -> None:
    async with running() as server:
        text = "One two three.\nFour five six."
        for beam in (1, 2):
            request = StreamTranslateTextRequest(id="1", content=text, partial_results=True)
            request.options.beam_size = beam
            call = server.stub.StreamTranslateText()
            await call.write(request)
            first, second = (await server.engine.has_texts(2 * beam))[-2:]
            first.partial(2)
            assert (await settled(call)) == ("One two", 3 if beam == 1 else 0)
            first.finish()
            second.partial(2)
            length = len("One two three.\nFour" if beam == 1 else "One two three.")
            assert (await settled(call)) == ("One two three.\nFour five", length)
            second.finish()
            await call.done_writing()


async def settled(call: Any) -> tuple[str, int]:
    answer = await call.read()
    return answer.partial_text, answer.settled_length


@pytest.mark.parametrize(
    "text",
    [
        "Der Zug, der um 7.30 Uhr abfährt, kommt – wie immer – zu spät.",
        'Er sagte: "Das ist gut", und ging. „Nun denn“, sagte sie (leise).',
        "Ein 🙂 und ein 漢字 sind keine Wörter des Modells.",
        "Wort",
    ],
)
def test_words_of_greedy_search_stay(text: str) -> None:
    pieces = SentencePieceProcessor(model_file=str(PIECES))
    token_ids = pieces.encode(text)
    told: list[Beginning] = []
    for appends in (True, False):
        progress = WholeProgress(
            pieces.decode, lambda beginning: told.append(beginning()), appends=appends
        )
        for count in range(len(token_ids) + 1):
            progress.report(0, token_ids[:count])
    greedy, beams = told[: len(told) // 2], told[len(told) // 2 :]
    whole = pieces.decode(token_ids)
    assert all(whole.startswith(each.text[: each.settled_length]) for each in greedy)
    lengths = [each.settled_length for each in greedy]
    assert lengths == sorted(lengths)
    assert len(whole) - lengths[-1] == (len(whole.split()[-1]) + 1 if " " in whole else len(whole))
    assert not any(each.settled_length for each in beams)
