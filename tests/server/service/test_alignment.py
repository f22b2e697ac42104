"""Alignment and attention on the wire: what is asked of the engine, what comes back, what not."""

import grpc
import numpy as np
import pytest

from dragoman.v1.bundle_pb2 import Graph, Manifest
from dragoman.v1.translation_pb2 import (
    AlignmentLink,
    StreamTranslateTextRequest,
    TranslateTextRequest,
)
from dragoman_server.sequence import Attention, Completion, FinishReason
from tests.server.service.fakes import END_ID, FakeText
from tests.server.service.harness import failure_of, manifest, read, running, unpacked


def with_graph(*, forced: tuple[int, ...] = (), before: tuple[int, ...] = ()) -> Manifest:
    contents = manifest()
    contents.attention.CopyFrom(Graph(path="attention.onnx"))
    contents.architecture.encoder_layers = contents.architecture.encoder_heads = 1
    contents.target_languages[0].target_prefix_ids.extend(forced)
    contents.target_languages[0].source_prefix_ids.extend(before)
    return contents


def finish(text: FakeText, attention: Attention, forced: tuple[int, ...] = ()) -> None:
    """Says the text itself, the last word first."""
    said = [token_id for token_id in text.source_ids if token_id != END_ID][::-1]
    tokens = [*forced, *said[: len(said)]]
    text.future.set_result(Completion(tokens, FinishReason.STOP, None, attention=attention))


async def test_nothing_is_asked_of_the_engine_where_nobody_asks() -> None:
    async with running(with_graph()) as server:
        server.engine.echo = True
        answer = await server.stub.TranslateText(TranslateTextRequest(contents=["a b"]))
        assert not server.engine.texts[0].options.wants_weights
        assert not answer.translations[0].alignment
        assert not answer.translations[0].HasField("attention")


async def test_words_that_stand_for_each_other_have_their_places_in_both_texts() -> None:
    async with running(with_graph()) as server:
        request = TranslateTextRequest(contents=["", "  one two"], return_alignment=True)
        call = server.stub.TranslateText(request)
        (text,) = await server.engine.has_texts(1)
        assert text.options.return_alignment
        assert not text.options.return_attention
        weights = np.array([[0.1, 0.6, 0.3], [0.8, 0.2, 0.0]], np.float32)
        finish(text, Attention(alignment=weights))
        nothing, translation = (await call).translations
        assert translation.translated_text == "two one"
        assert not nothing.alignment
        assert [
            (each.source_begin, each.source_end, each.target_begin, each.target_end, each.is_hard)
            for each in translation.alignment
        ] == [(6, 9, 0, 3, True), (2, 5, 0, 3, False), (2, 5, 4, 7, True), (6, 9, 4, 7, False)]
        assert [each.weight for each in translation.alignment] == pytest.approx(
            [6 / 7, 1 / 7, 0.8, 0.2]
        )


async def test_what_a_model_is_told_with_is_no_part_of_an_alignment() -> None:
    async with running(with_graph(forced=(0,), before=(0, 0))) as server:
        call = server.stub.TranslateText(
            TranslateTextRequest(contents=["one"], return_alignment=True)
        )
        (text,) = await server.engine.has_texts(1)
        weights = np.array([[1, 0, 0, 0], [0.3, 0.3, 0.2, 0.2]], np.float32)
        token = text.source_ids[2]
        completion = Completion([0, token], FinishReason.STOP, None)
        text.future.set_result(completion._replace(attention=Attention(alignment=weights)))
        (translation,) = (await call).translations
        assert list(translation.alignment) == [
            AlignmentLink(source_end=3, target_end=3, weight=1.0, is_hard=True)
        ]


async def test_weights_come_with_the_names_of_tokens() -> None:
    async with running(with_graph()) as server:
        call = server.stub.StreamTranslateText()
        await call.write(
            StreamTranslateTextRequest(id="1", content="one two", return_attention=True)
        )
        (text,) = await server.engine.has_texts(1)
        assert text.options.return_attention
        assert not text.options.return_alignment
        cross = np.arange(9, dtype=np.float32).reshape(1, 1, 3, 3)
        finish(text, Attention(encoder=cross + 100, cross=cross))
        attention = (await read(call)).translation.attention
        assert list(attention.source_tokens) == ["one", "two", "</s>"]
        assert list(attention.target_tokens) == ["two", "one", "</s>"]
        shape = attention.cross
        assert (shape.layer_count, shape.head_count, shape.query_count, shape.key_count) == (
            1,
            1,
            3,
            3,
        )
        assert list(attention.cross.values) == cross.ravel().tolist()
        assert attention.encoder.values[0] == 100
        assert not attention.HasField("decoder")  # it is recurrent
        await call.done_writing()


@pytest.mark.parametrize("field", ["return_alignment", "return_attention"])
async def test_a_model_without_the_graph_says_so(field: str) -> None:
    async with running() as server:
        request = TranslateTextRequest(contents=["one"])
        setattr(request, field, True)
        failure = await failure_of(server.stub.TranslateText(request))
        assert failure.code is grpc.StatusCode.INVALID_ARGUMENT
        assert failure.reason == "NO_ATTENTION_GRAPH"
        assert "export it again" in failure.fields[field]
        assert not server.engine.texts


async def test_attention_is_told_of_one_text_at_a_time() -> None:
    async with running(with_graph()) as server:
        request = TranslateTextRequest(contents=["one", "two"], return_attention=True)
        failure = await failure_of(server.stub.TranslateText(request))
        assert failure.code is grpc.StatusCode.INVALID_ARGUMENT
        assert "allowed: 1 text in contents" in failure.fields["return_attention"]


async def test_a_text_whose_weights_are_too_many_is_refused_before_it_is_translated() -> None:
    contents = with_graph()
    contents.architecture.encoder_layers, contents.architecture.encoder_heads = 100, 1000
    async with running(contents) as server:
        call = server.stub.StreamTranslateText()
        for text in ("one", "one two three"):
            await call.write(
                StreamTranslateTextRequest(id=text, content=text, return_attention=True)
            )
            if text == "one":
                (first,) = await server.engine.has_texts(1)
                finish(first, Attention(cross=np.ones((1, 1, 2, 2), np.float32), encoder=None))
                assert (await read(call)).WhichOneof("result") == "translation"
        failure = unpacked((await read(call)).error)
        assert failure.reason == "ATTENTION_TOO_LARGE"
        assert "allowed: at most 900,000" in failure.fields["return_attention"]
        assert len(server.engine.texts) == 1
        await call.done_writing()


async def test_a_text_of_which_the_model_is_given_nothing_has_no_links() -> None:
    async with running(with_graph()) as server:
        request = TranslateTextRequest(
            contents=["{name}"], protect_placeholders=True, return_alignment=True
        )
        (translation,) = (await server.stub.TranslateText(request)).translations
        assert translation.translated_text == "{name}"
        assert not translation.alignment
