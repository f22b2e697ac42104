import asyncio
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from dragoman.v1.translation_pb2 import (
    FINISH_REASON_LENGTH,
    SEGMENTATION_NONE,
    DecodingOptions,
    StreamTranslateTextRequest,
    Translation,
)
from dragoman_server import local
from dragoman_server.config import Config
from dragoman_server.detection import LanguageDetector
from dragoman_server.errors import (
    BackendError,
    BundleError,
    InvalidArgumentError,
    NotFoundError,
    PreconditionError,
    QueueFullError,
)
from dragoman_server.local import CHUNK, LocalTranslator
from dragoman_server.sequence import Completion
from dragoman_server.service.listing import describe_model, model_limits
from dragoman_server.service.translator import Translator
from tests.server.service.fakes import FakeEngine, FakeTokenizer
from tests.server.service.harness import make_config, manifest

WORDS = ["the", "small", "cat", "sat", "on", "a", "good", "house", "by", "the", "long", "road"]
TEXTS = [" ".join(WORDS[start : start + length]) for length in (1, 5, 9) for start in range(10)] * 3


def requests_of(texts: Sequence[str]) -> list[StreamTranslateTextRequest]:
    options = DecodingOptions(max_decoding_length=12)
    return [StreamTranslateTextRequest(content=text, options=options) for text in texts]


@pytest.fixture
def translator(bundle: Path) -> Iterator[LocalTranslator]:
    config = Config(bundle=bundle, engines=2, max_batch_size=4)
    with LocalTranslator.open(config) as translator:
        yield translator


def test_texts_are_translated_in_order_and_as_one_at_a_time(translator: LocalTranslator) -> None:
    together = list(translator.translate_stream(requests_of(TEXTS)))
    alone = list(translator.translate_stream(requests_of(TEXTS), max_concurrency=1))
    assert together == alone
    translations = [outcome for outcome in together if isinstance(outcome, Translation)]
    assert len(translations) == len(TEXTS)
    assert len({translation.translated_text for translation in translations[:30]}) > 10
    assert translations[0].model == translator.model.name
    assert FINISH_REASON_LENGTH in {translation.finish_reason for translation in translations}


def test_threads_may_share_it(translator: LocalTranslator) -> None:
    expected = list(translator.translate_stream(requests_of(TEXTS)))
    with ThreadPoolExecutor(3) as threads:
        work = [
            threads.submit(list, translator.translate_stream(requests_of(TEXTS), max_concurrency=n))
            for n in (7, 32, 64)
        ]
    assert [done.result() for done in work] == [expected] * 3


def test_a_text_that_fails_keeps_its_place(translator: LocalTranslator) -> None:
    requests = requests_of(["the cat", "\0", "", "the house", "the road"])
    requests[3].model = "other"
    first, nul, empty, other, last = translator.translate_stream(requests)
    assert isinstance(nul, InvalidArgumentError)
    assert nul.field == "content"
    assert isinstance(other, NotFoundError)
    assert isinstance(empty, Translation)
    assert empty.source_token_count == 0
    assert isinstance(first, Translation)
    assert isinstance(last, Translation)
    assert first.source_token_count
    assert last.source_token_count


def test_a_text_is_split_as_its_request_says(translator: LocalTranslator) -> None:
    lines = ["the cat sat", "on a house", "by the road"]
    requests = requests_of(["\n\n - ".join(lines)] * 2 + lines)
    requests[1].segmentation = SEGMENTATION_NONE
    split, whole, *alone = translator.translate_stream(requests)
    assert isinstance(split, Translation)
    assert isinstance(whole, Translation)
    each = [one.translated_text for one in alone if isinstance(one, Translation)]
    assert split.translated_text == "\n\n - ".join(each)
    assert len(split.segments) == 3
    assert not whole.segments


@pytest.mark.parametrize("most", [1, 10, 32, 70])
def test_no_more_is_read_than_may_be_in_flight(translator: LocalTranslator, most: int) -> None:
    read = 0

    def requests() -> Iterator[StreamTranslateTextRequest]:
        nonlocal read
        for request in requests_of(["the cat"] * 200):
            read += 1
            yield request

    for taken, _ in enumerate(translator.translate_stream(requests(), max_concurrency=most)):
        assert read <= taken + most
    assert read == 200


def test_it_closes_and_opens_again(bundle: Path) -> None:
    config = Config(bundle=bundle, engines=1, max_batch_size=2)
    outcomes = []
    for _ in range(2):
        with LocalTranslator.open(config) as translator:
            outcomes += list(translator.translate_stream(requests_of(["the cat"])))
    assert outcomes[0] == outcomes[1]


def test_a_bundle_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BundleError), LocalTranslator.open(Config(bundle=tmp_path)):
        pass


class FirstChunk(FakeEngine):
    """Translates the first CHUNK texts at once and keeps the others waiting."""

    def submit(
        self, source_ids: Sequence[list[int]], *arguments: Any, **options: Any
    ) -> list[asyncio.Future[Completion]]:
        futures = super().submit(source_ids, *arguments, **options)
        if len(self.texts) <= CHUNK:
            self.texts[-1].finish()
        return futures


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    with local._running_loop() as running:
        yield running


def around(engine: FakeEngine, loop: asyncio.AbstractEventLoop) -> LocalTranslator:
    model = describe_model(manifest(), model_limits(manifest(), make_config()), "cpu")
    return LocalTranslator(Translator(manifest(), model, FakeTokenizer(), engine), engine, loop)


def test_closing_a_stream_takes_its_texts_out_of_the_engine(
    loop: asyncio.AbstractEventLoop,
) -> None:
    engine = FirstChunk()
    stream = around(engine, loop).translate_stream(requests_of(TEXTS), max_concurrency=2 * CHUNK)
    assert isinstance(next(stream), Translation)
    stream.close()

    async def gone() -> None:
        await engine.until(lambda: all(text.future.done() for text in engine.texts))

    asyncio.run_coroutine_threadsafe(gone(), loop).result(timeout=60)
    assert all(text.future.cancelled() for text in engine.texts[CHUNK:])


def test_a_dead_engine_ends_the_stream(loop: asyncio.AbstractEventLoop) -> None:
    engine = FakeEngine()
    engine.echo, engine.healthy = True, False
    with pytest.raises(BackendError, match="an engine died"):
        list(around(engine, loop).translate_stream(requests_of(["a"])))


def test_a_text_that_finds_no_room_says_so(loop: asyncio.AbstractEventLoop) -> None:
    engine = FakeEngine()
    engine.room = 0
    (outcome,) = around(engine, loop).translate_stream(requests_of(["a"]))
    assert isinstance(outcome, QueueFullError)


def test_no_text_in_flight_is_refused_before_anything_is_read(
    loop: asyncio.AbstractEventLoop,
) -> None:
    with pytest.raises(ValueError, match="max_concurrency must be at least 1, not 0"):
        around(FakeEngine(), loop).translate_stream([], max_concurrency=0)


def test_languages_are_found_out_where_that_is_asked_for(loop: asyncio.AbstractEventLoop) -> None:
    engine = FakeEngine()
    engine.echo = True
    contents = manifest("en de")
    model = describe_model(contents, model_limits(contents, make_config()), "cpu")
    translator = Translator(contents, model, FakeTokenizer(), engine)
    unaware = LocalTranslator(translator, engine, loop)
    aware = LocalTranslator(translator, engine, loop, LanguageDetector())
    text = "Wo ist der Bahnhof?"
    (refused,) = unaware.translate_stream(requests_of([text]))
    assert isinstance(refused, InvalidArgumentError)
    (found,) = aware.translate_stream(requests_of([text]))
    assert isinstance(found, Translation)
    assert found.detected_language_code == "de"
    mixed = requests_of([f"Where is the railway station? {text}"])
    mixed[0].mixed_languages = True
    (found,) = aware.translate_stream(mixed)
    assert isinstance(found, Translation)
    assert [each.detected_language_code for each in found.segments] == ["en", "de"]
    (refused,) = unaware.translate_stream(mixed)
    assert isinstance(refused, PreconditionError)
