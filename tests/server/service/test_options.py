"""DecodingOptions: what reaches the engine, what is refused, and what comes back."""

import grpc
import pytest

from dragoman.v1.translation_pb2 import (
    EARLY_STOPPING_NEVER,
    EARLY_STOPPING_TRUE,
    FINISH_REASON_LENGTH,
    FINISH_REASON_STOP,
    DecodingOptions,
    Hypothesis,
    StreamTranslateTextRequest,
    TranslateTextRequest,
    Translation,
)
from dragoman_server import sequence
from dragoman_server.sequence import Completion, EarlyStopping, FinishReason, TranslationOptions
from dragoman_server.service.options import RequestOptions
from tests.server.service.harness import Running, failure_of, manifest, read, running


async def test_absent_options_take_the_models_defaults(server: Running) -> None:
    server.engine.echo = True
    await server.stub.TranslateText(TranslateTextRequest(contents=["a"]))
    assert server.engine.texts[0].options == TranslationOptions(max_decoding_length=12)


async def test_options_reach_the_engine(server: Running) -> None:
    server.engine.echo = True
    options = DecodingOptions(
        beam_size=3,
        max_decoding_length=7,
        min_decoding_length=2,
        return_scores=False,
        length_penalty=0.6,
        num_hypotheses=2,
        early_stopping=EARLY_STOPPING_NEVER,
        repetition_penalty=1.25,
        no_repeat_ngram_size=3,
        suppress_sequences=["bad", "very bad"],
        target_prefix="so it",
        return_token_scores=True,
    )
    request = TranslateTextRequest(contents=["a"], options=options)
    response = await server.stub.TranslateText(request)
    # the fake tokenizer numbers words as they come
    assert server.engine.texts[0].options == TranslationOptions(
        max_decoding_length=7,
        min_decoding_length=2,
        beam_size=3,
        return_scores=False,
        length_penalty=0.6,
        num_hypotheses=2,
        early_stopping=EarlyStopping.NEVER,
        repetition_penalty=1.25,
        no_repeat_ngram_size=3,
        suppress_sequences=((1,), (2, 1)),
        target_prefix=(3, 4),
        return_token_scores=True,
    )
    assert not response.translations[0].HasField("score")


async def test_each_text_of_a_request_draws_from_a_seed_of_its_own(server: Running) -> None:
    server.engine.echo = True
    options = DecodingOptions(
        sampling_topk=10, sampling_topp=0.9, sampling_temperature=0.5, seed=-1
    )
    await server.stub.TranslateText(TranslateTextRequest(contents=["a", "", "b"], options=options))
    first, third = (text.options for text in server.engine.texts)
    assert (first.sampling_topk, first.sampling_topp, first.sampling_temperature) == (10, 0.9, 0.5)
    assert (first.seed, third.seed) == (2**64 - 1, 1)


async def test_options_of_a_stream_are_each_texts_own(server: Running) -> None:
    server.engine.echo = True
    call = server.stub.StreamTranslateText()
    for seed in (1, 2):
        options = DecodingOptions(seed=seed, early_stopping=EARLY_STOPPING_TRUE)
        await call.write(StreamTranslateTextRequest(id=str(seed), content="a", options=options))
    await call.done_writing()
    for _ in range(2):
        await read(call)
    assert [text.options.seed for text in server.engine.texts] == [1, 2]
    assert server.engine.texts[0].options.early_stopping is EarlyStopping.TRUE


async def test_the_length_factor_counts_each_texts_source_tokens(server: Running) -> None:
    server.engine.echo = True
    options = DecodingOptions(max_length_factor=1.5, max_decoding_length=8)
    contents = ["a", "a b", "a b c d e f g"]
    await server.stub.TranslateText(TranslateTextRequest(contents=contents, options=options))
    # the end token is a source token too
    assert [text.options.max_decoding_length for text in server.engine.texts] == [3, 5, 8]


@pytest.mark.parametrize(
    ("factor", "tokens", "longest"),
    [(1.1, 10, 11), (0.001, 10, 2), (2.0, 3, 6), (2.0, 9, 12), (None, 3, 12)],
)
def test_the_length_factor_leaves_room_for_what_must_be_said(
    factor: float | None, tokens: int, longest: int
) -> None:
    common = TranslationOptions(12, min_decoding_length=1, target_prefix=(5, 6))
    options = RequestOptions(common, factor).of_text(0, source_length=tokens)
    assert options.max_decoding_length == longest


WRONG = {
    "beam_size is 0; allowed: 1 to 16": DecodingOptions(beam_size=0),
    "beam_size is 17; allowed: 1 to 16": DecodingOptions(beam_size=17),
    "num_hypotheses is 2; allowed: 1 to 1": DecodingOptions(num_hypotheses=2),
    "num_hypotheses is 0; allowed: 1 to 4": DecodingOptions(num_hypotheses=0, beam_size=4),
    "length_penalty is 11; allowed: -10 to 10": DecodingOptions(length_penalty=11),
    "length_penalty is nan; allowed: -10 to 10": DecodingOptions(length_penalty=float("nan")),
    "max_decoding_length is 0; allowed: 1 to 15": DecodingOptions(max_decoding_length=0),
    "max_decoding_length is 16; allowed: 1 to 15": DecodingOptions(max_decoding_length=16),
    "min_decoding_length is -1; allowed: 0 to 12": DecodingOptions(min_decoding_length=-1),
    "min_decoding_length is 6; allowed: 0 to 5": DecodingOptions(
        min_decoding_length=6, max_decoding_length=5
    ),
    "max_length_factor is 0; allowed: above 0 to 100": DecodingOptions(max_length_factor=0),
    "repetition_penalty is 0.9; allowed: 1 to 10": DecodingOptions(repetition_penalty=0.9),
    "no_repeat_ngram_size is 16; allowed: 0 to 15": DecodingOptions(no_repeat_ngram_size=16),
    "suppress_sequences is 257 texts; allowed: at most 256": DecodingOptions(
        suppress_sequences=["a"] * 257
    ),
    "suppress_sequences[1] is a text of no tokens; allowed: at least one token": DecodingOptions(
        suppress_sequences=["a", " "]
    ),
    "target_prefix is 3 tokens long; allowed: at most max_decoding_length, 2": DecodingOptions(
        target_prefix="a b c", max_decoding_length=2
    ),
    "sampling_topk is 1025; allowed: 1 to 1024": DecodingOptions(sampling_topk=1025),
    "sampling_topp is 0; allowed: above 0 to 1": DecodingOptions(sampling_topk=9, sampling_topp=0),
    "sampling_temperature is 0; allowed: 0.01 to 100": DecodingOptions(
        sampling_topk=9, sampling_temperature=0
    ),
}
CONFLICTS = {
    "sampling_topk is 9 and beam_size 4; allowed: 1 where beam_size is above 1": DecodingOptions(
        sampling_topk=9, beam_size=4
    ),
    "sampling_topp is 0.9; allowed: 1 where sampling_topk is 1": DecodingOptions(sampling_topp=0.9),
    "sampling_temperature is 2; allowed: 1 where sampling_topk is 1": DecodingOptions(
        sampling_temperature=2
    ),
}


@pytest.mark.parametrize("message", [*WRONG, *CONFLICTS])
async def test_a_wrong_option_is_named_with_what_it_has_and_what_is_allowed(
    server: Running, message: str
) -> None:
    request = TranslateTextRequest(contents=["a"], options=(WRONG | CONFLICTS)[message])
    failure = await failure_of(server.stub.TranslateText(request))
    reason = "OPTIONS_CONFLICT" if message in CONFLICTS else "OPTION_OUT_OF_RANGE"
    assert (failure.code, failure.reason) == (grpc.StatusCode.INVALID_ARGUMENT, reason)
    assert failure.message == f"options.{message}"
    name, value = failure.message.split(" is ", maxsplit=1)
    given, allowed = value.split("; allowed: ")
    assert failure.metadata == {"field": name, "given": given, "allowed": allowed}
    assert failure.fields == {name: failure.message}
    assert server.engine.texts == []


async def test_an_early_stopping_of_a_later_version_is_refused(server: Running) -> None:
    options = DecodingOptions.FromString(bytes([7 << 3, 9]))
    request = TranslateTextRequest(contents=["a"], options=options)
    failure = await failure_of(server.stub.TranslateText(request))
    assert failure.message == "options.early_stopping is 9; allowed: 0 to 3"


async def test_texts_of_options_are_held_to_the_limits_of_texts() -> None:
    async with running(max_code_points=9) as server:
        long, nul = DecodingOptions(target_prefix="x" * 10), DecodingOptions(target_prefix="\0")
        suppress = DecodingOptions(suppress_sequences=["x" * 9, "y"])
        for options, field, reason in (
            (long, "target_prefix", "TOO_MANY_CODE_POINTS"),
            (nul, "target_prefix", "NUL_CHARACTER"),
            (suppress, "suppress_sequences", "TOO_MANY_CODE_POINTS"),
        ):
            request = TranslateTextRequest(contents=["a"], options=options)
            failure = await failure_of(server.stub.TranslateText(request))
            assert (failure.metadata["field"], failure.reason) == (f"options.{field}", reason)


async def test_a_prefix_that_the_model_cannot_say_is_refused() -> None:
    contents = manifest()
    contents.special_tokens.unknown_id = 1  # what the fake tokenizer makes of the first word
    async with running(contents) as server:
        request = TranslateTextRequest(
            contents=["a"], options=DecodingOptions(target_prefix="first")
        )
        failure = await failure_of(server.stub.TranslateText(request))
    assert failure.reason == "UNKNOWN_CHARACTERS"
    assert failure.metadata["field"] == "options.target_prefix"


async def test_hypotheses_and_token_scores_come_back(server: Running) -> None:
    options = DecodingOptions(beam_size=2, num_hypotheses=2, return_token_scores=True)
    call = server.stub.TranslateText(TranslateTextRequest(contents=["a b"], options=options))
    (text,) = await server.engine.has_texts(1)
    best = sequence.Hypothesis([1, 2], FinishReason.STOP, -0.5, [-0.25, -1.0, -0.25])
    other = sequence.Hypothesis([2], FinishReason.LENGTH, -0.75, [-1.5])
    text.future.set_result(Completion(*best, hypotheses=(best, other)))
    (translation,) = (await call).translations
    first = Hypothesis(
        translated_text="a b",
        finish_reason=FINISH_REASON_STOP,
        score=-0.5,
        target_token_count=2,
        token_scores=[-0.25, -1.0, -0.25],
    )
    second = Hypothesis(
        translated_text="b",
        finish_reason=FINISH_REASON_LENGTH,
        score=-0.75,
        target_token_count=1,
        token_scores=[-1.5],
    )
    assert translation == Translation(
        translated_text="a b",
        finish_reason=FINISH_REASON_STOP,
        score=-0.5,
        source_token_count=3,
        target_token_count=2,
        model="tiny",
        model_version="1",
        token_scores=[-0.25, -1.0, -0.25],
        hypotheses=[first, second],
    )
