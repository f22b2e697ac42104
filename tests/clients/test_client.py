import dataclasses
import inspect
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Unpack, get_type_hints

import grpc
import pytest
from google.rpc import code_pb2  # type: ignore[import-untyped]

from dragoman import (
    AsyncClient,
    Client,
    ConnectError,
    DeadlineExceededError,
    DetectedLanguage,
    DetectedLanguages,
    FinishReason,
    Hypothesis,
    InvalidArgumentError,
    LanguageSpan,
    QueueFullError,
    ServerError,
    Translation,
    UnavailableError,
    UsageError,
)
from dragoman.options import Guard, Options, Priority, Segmentation, TranslateOptions
from dragoman.v1 import translation_pb2 as pb
from tests.clients.fake_server import (
    FakeServer,
    Requests,
    Responses,
    answer,
    bad_field,
    cause,
    draining,
    queue_full,
    status,
)


def test_a_text_gives_a_translation(client: Client) -> None:
    assert client.translate("hello") == Translation(
        translated_text="HELLO",
        finish_reason=FinishReason.STOP,
        score=-0.5,
        source_token_count=5,
        target_token_count=5,
        model="fake",
    )


def test_a_list_gives_a_list_in_order(client: Client) -> None:
    translations = client.translate(["one", "two", "three"])
    assert [translation.translated_text for translation in translations] == ["ONE", "TWO", "THREE"]


def test_a_list_of_one_gives_a_list(client: Client) -> None:
    assert [translation.translated_text for translation in client.translate(["one"])] == ["ONE"]


def test_options_go_to_the_server_and_absent_ones_stay_absent(
    server: FakeServer, client: Client
) -> None:
    client.translate(
        "a", source_language_code="en", target_language_code="de", model="fake", beam_size=4
    )
    client.translate("a", min_decoding_length=0, max_decoding_length=9, return_scores=False)
    first, second = server.requests
    assert (first.source_language_code, first.target_language_code) == ("en", "de")
    assert (first.model, first.options.beam_size) == ("fake", 4)
    assert not first.options.HasField("return_scores")
    assert not second.options.HasField("beam_size")
    assert second.options.HasField("min_decoding_length")
    assert second.options.max_decoding_length == 9
    assert second.options.return_scores is False


def test_every_option_reaches_the_wire(server: FakeServer, client: Client) -> None:
    client.translate(
        "a",
        length_penalty=0.5,
        max_length_factor=2.5,
        num_hypotheses=3,
        early_stopping="never",
        repetition_penalty=1.5,
        no_repeat_ngram_size=2,
        suppress_sequences=("bad", "worse"),
        target_prefix="It",
        sampling_topk=9,
        sampling_topp=0.75,
        sampling_temperature=1.25,
        seed=7,
        return_token_scores=True,
    )
    assert server.requests[0].options == pb.DecodingOptions(
        length_penalty=0.5,
        max_length_factor=2.5,
        num_hypotheses=3,
        early_stopping=pb.EARLY_STOPPING_NEVER,
        repetition_penalty=1.5,
        no_repeat_ngram_size=2,
        suppress_sequences=["bad", "worse"],
        target_prefix="It",
        sampling_topk=9,
        sampling_topp=0.75,
        sampling_temperature=1.25,
        seed=7,
        return_token_scores=True,
    )


def test_options_beside_decoding_reach_the_wire(server: FakeServer, client: Client) -> None:
    client.translate("a", pivot_language_code="en", skip_cache=True)
    assert server.requests[0].pivot_language_code == "en"
    assert server.requests[0].skip_cache
    requests: list[pb.StreamTranslateTextRequest] = []

    def keep(stream: Requests, _context: grpc.ServicerContext) -> Responses:
        for request in stream:
            requests.append(request)
            yield answer(request)

    server.streams.append(keep)
    assert [result.text for result in client.translate_stream(["b"], pivot_language_code="en")]
    assert requests[0].pivot_language_code == "en"
    assert not requests[0].skip_cache


def test_languages_are_detected_of_a_text_and_of_a_list(server: FakeServer, client: Client) -> None:
    expected = DetectedLanguages("de", (DetectedLanguage("de", 0.75),))
    assert client.detect("de Hallo") == expected
    server.limits.max_contents = 2
    detected = client.detect(["de a", "en b", "fr c"])
    assert [each.language_code for each in detected] == ["de", "en", "fr"]
    assert server.detections == [["de Hallo"], ["de a", "en b"], ["fr c"]]


def test_the_languages_of_parts_of_a_text_are_told_where_asked_for(
    server: FakeServer, client: Client
) -> None:
    detected = client.detect("de en", spans=True)
    assert detected.spans == (LanguageSpan(0, 2, "de", 0.75), LanguageSpan(3, 5, "en", 0.75))
    (alone, empty) = client.detect(["fr", ""], spans=True)
    assert (alone.spans, empty.spans) == ((LanguageSpan(0, 2, "fr", 0.75),), ())
    assert client.detect("de en").spans == ()
    with pytest.raises(InvalidArgumentError, match="spans"):
        client.detect("de", spans="yes")  # type: ignore[call-overload]
    assert len(server.detections) == 3


def test_texts_in_several_languages_reach_the_wire(server: FakeServer, client: Client) -> None:
    client.translate("a", mixed_languages=True)
    client.translate("a")
    assert [request.mixed_languages for request in server.requests] == [True, False]


def test_what_is_not_the_models_to_choose_reaches_the_wire(
    server: FakeServer, client: Client
) -> None:
    client.translate(
        "a",
        dnt_phrases=["New York"],
        glossary="legal@2",
        glossary_entries={"house": "Haus"},
        glossary_ignore_case=True,
        glossary_mode="soft",
        protect_placeholders=True,
    )
    client.translate("a", glossary_entries=[("house", "Haus")])
    client.translate("a")
    first, second, third = server.requests
    assert (list(first.dnt_phrases), first.protect_placeholders) == (["New York"], True)
    entry = pb.GlossaryEntry(source_term="house", target_term="Haus")
    assert first.glossary_config == pb.GlossaryConfig(
        glossary="legal@2", entries=[entry], ignore_case=True, mode=pb.GLOSSARY_MODE_SOFT
    )
    assert second.glossary_config == pb.GlossaryConfig(entries=[entry])
    assert not third.HasField("glossary_config")
    assert not third.dnt_phrases


@pytest.mark.parametrize("early_stopping", [False, True])
def test_early_stopping_is_that_of_transformers(
    server: FakeServer, client: Client, *, early_stopping: bool
) -> None:
    client.translate("a", early_stopping=early_stopping)
    expected = pb.EARLY_STOPPING_TRUE if early_stopping else pb.EARLY_STOPPING_FALSE
    assert server.requests[0].options.early_stopping == expected


@pytest.mark.parametrize(
    ("priority", "expected"),
    [
        (None, pb.PRIORITY_UNSPECIFIED),
        ("interactive", pb.PRIORITY_INTERACTIVE),
        ("bulk", pb.PRIORITY_BULK),
    ],
)
def test_the_priority_reaches_the_wire(
    server: FakeServer, client: Client, priority: Priority | None, expected: int
) -> None:
    client.translate("a", priority=priority)
    assert server.requests[0].priority == expected


def test_the_priority_of_a_stream_is_that_of_each_text(server: FakeServer, client: Client) -> None:
    seen: list[int] = []

    def keep(requests: Requests, _context: grpc.ServicerContext) -> Responses:
        for request in requests:
            seen.append(request.priority)
            yield answer(request)

    server.streams.append(keep)
    assert len(list(client.translate_stream(["a", "b"], priority="bulk"))) == 2
    assert seen == [pb.PRIORITY_BULK] * 2


@pytest.mark.parametrize(
    ("segmentation", "expected"),
    [
        (None, pb.SEGMENTATION_UNSPECIFIED),
        ("auto", pb.SEGMENTATION_AUTO),
        ("sentences", pb.SEGMENTATION_SENTENCES),
        ("none", pb.SEGMENTATION_NONE),
    ],
)
def test_the_segmentation_reaches_the_wire(
    server: FakeServer, client: Client, segmentation: Segmentation | None, expected: int
) -> None:
    seen: list[int] = []

    def keep(requests: Requests, _context: grpc.ServicerContext) -> Responses:
        for request in requests:
            seen.append(request.segmentation)
            yield answer(request)

    server.streams.append(keep)
    client.translate("a", segmentation=segmentation)
    list(client.translate_stream(["a", "b"], segmentation=segmentation))
    assert [server.requests[0].segmentation, *seen] == [expected] * 3


@pytest.mark.parametrize(
    ("guard", "expected"),
    [
        (None, pb.GUARD_UNSPECIFIED),
        ("off", pb.GUARD_OFF),
        ("warn", pb.GUARD_WARN),
        ("retry", pb.GUARD_RETRY),
    ],
)
def test_the_guard_reaches_the_wire(
    server: FakeServer, client: Client, guard: Guard | None, expected: int
) -> None:
    seen: list[int] = []

    def keep(requests: Requests, _context: grpc.ServicerContext) -> Responses:
        for request in requests:
            seen.append(request.guard)
            yield answer(request)

    server.streams.append(keep)
    client.translate("a", guard=guard)
    list(client.translate_stream(["a", "b"], guard=guard))
    assert [server.requests[0].guard, *seen] == [expected] * 3


ARGUMENTS = {"self", "text", "texts", "target_language_codes", "timeout", "max_concurrency"}


@pytest.mark.parametrize("make", [Client, AsyncClient])
def test_each_method_takes_every_option(make: type[Client] | type[AsyncClient]) -> None:
    options = {field.name for field in dataclasses.fields(Options)}
    methods = (make.translate, make.translate_stream, make.translate_incrementally)
    for method in (*methods, make.translate_into):
        taken = dict(inspect.signature(method).parameters)
        assert taken.pop("options").annotation == Unpack[TranslateOptions]
        keywords = set(get_type_hints(TranslateOptions))
        assert (set(taken) | keywords) - ARGUMENTS == options


def test_a_long_list_draws_as_one_however_it_is_cut(server: FakeServer, client: Client) -> None:
    server.limits.max_contents = 2
    client.translate(["a"] * 5, seed=2**63 - 3, sampling_topk=2)
    seeds = {request.options.seed for request in server.requests}
    assert seeds == {2**63 - 3, 2**63 - 1, -(2**63) + 1}


def test_an_option_that_cannot_be_sent_is_refused_at_once(client: Client) -> None:
    with pytest.raises(InvalidArgumentError, match="must be False, True or \"never\", not 'soon'"):
        client.translate("a", early_stopping="soon")  # type: ignore[call-overload]
    with pytest.raises(InvalidArgumentError, match="or \"bulk\", not 'urgent'"):
        client.translate("a", priority="urgent")  # type: ignore[call-overload]
    with pytest.raises(InvalidArgumentError, match='"sentences" or "none", not \'lines\''):
        client.translate("a", segmentation="lines")  # type: ignore[call-overload]
    with pytest.raises(InvalidArgumentError, match='"warn" or "retry", not \'always\''):
        client.translate("a", guard="always")  # type: ignore[call-overload]
    with pytest.raises(InvalidArgumentError, match="suppress_sequences must be a sequence of str"):
        client.translate_stream(["a"], suppress_sequences="bad")
    with pytest.raises(InvalidArgumentError, match=r"target_prefix has the lone surrogate"):
        client.translate_stream(["a"], target_prefix="\ud800")


def test_hypotheses_and_token_scores_are_read(server: FakeServer, client: Client) -> None:
    server.hypotheses = 2
    first = client.translate("ab").hypotheses[0]
    assert first == Hypothesis("AB 0", FinishReason.STOP, 0.0, 2, (-0.5, -0.25))
    assert client.translate("ab").token_scores == (-0.5, -0.25)
    assert len(client.translate("ab").hypotheses) == 2


def test_several_languages_give_what_one_gives_by_their_codes(
    server: FakeServer, client: Client
) -> None:
    one = client.translate_into("ab", ["fr", "de"], beam_size=2)
    assert list(one) == ["fr", "de"]
    assert one["de"].translated_text == "AB"
    assert one["de"].target_language_code == "de"
    several = client.translate_into(("a", "b"), ("fr", "de"))
    for code in ("fr", "de"):
        told = [(each.translated_text, each.target_language_code) for each in several[code]]
        assert told == [("A", code), ("B", code)]
    first, second = server.requests
    assert list(first.target_language_codes) == list(second.target_language_codes) == ["fr", "de"]
    assert first.target_language_code == ""
    assert first.options.beam_size == 2


def test_lists_into_several_languages_are_cut_to_the_limits_together(
    server: FakeServer, client: Client
) -> None:
    server.limits.max_contents, server.limits.max_code_points = 7, 30
    answer = client.translate_into([f"t{number}" for number in range(8)], ["de", "fr", "it"])
    assert [each.translated_text for each in answer["it"]] == [f"T{number}" for number in range(8)]
    assert [len(request.contents) for request in server.requests] == [2] * 4
    client.translate_into(["a" * 4, "b" * 4, "c" * 12], ["de", "fr", "it"])
    assert sorted(len(request.contents) for request in server.requests[4:]) == [1, 2]


@pytest.mark.parametrize(
    ("codes", "message"),
    [
        ("de", r"target_language_codes must be a sequence of str \(translate takes"),
        ([], "target_language_codes has no codes; allowed: at least one"),
        (["de", 1], r"target_language_codes\[1\] must be str, not int"),
        (["\ud800"], r"target_language_codes\[0\] has the lone surrogate"),
    ],
)
def test_codes_that_cannot_be_sent_are_refused_at_once(
    server: FakeServer, client: Client, codes: list[str], message: str
) -> None:
    with pytest.raises(InvalidArgumentError, match=message):
        client.translate_into("a", codes)
    assert not server.requests


def test_long_lists_are_cut_by_number_of_texts(server: FakeServer, client: Client) -> None:
    texts = [f"t{number}" for number in range(5000)]
    translations = client.translate(texts)
    assert [t.translated_text for t in translations] == [text.upper() for text in texts]
    assert sorted(len(request.contents) for request in server.requests) == [904, *[1024] * 4]


def test_long_lists_are_cut_by_code_points(server: FakeServer, client: Client) -> None:
    texts = ["ä" * 10_000] * 7
    assert len(client.translate(texts)) == 7
    assert sorted(len(request.contents) for request in server.requests) == [1, 3, 3]


def test_lists_are_cut_to_the_limits_of_this_server(server: FakeServer, client: Client) -> None:
    server.limits.max_contents = 2
    assert len(client.translate(["a"] * 5)) == 5
    assert sorted(len(request.contents) for request in server.requests) == [1, 2, 2]


def test_an_error_in_a_later_part_names_the_place_in_the_whole_list(
    server: FakeServer, client: Client
) -> None:
    server.limits.max_contents = 2
    server.hold.clear()
    too_long = "contents[1] has 9 tokens; allowed: at most 8"
    problem = status(code_pb2.INVALID_ARGUMENT, too_long, bad_field("contents[1]", too_long))
    server.failures += [problem] * 2
    server.hold.set()
    with pytest.raises(InvalidArgumentError, match=r"^contents\[(1|3)\] has 9 tokens") as caught:
        client.translate(["a"] * 4)
    assert caught.value.violations[0].field in str(caught.value)


def test_an_empty_list_is_the_servers_to_refuse(server: FakeServer, client: Client) -> None:
    server.failures.append(status(code_pb2.INVALID_ARGUMENT, "contents is empty"))
    with pytest.raises(InvalidArgumentError, match="contents is empty"):
        client.translate([])
    assert len(server.requests) == 1


def test_a_text_that_utf8_cannot_carry_is_named(client: Client) -> None:
    with pytest.raises(InvalidArgumentError, match=r"contents\[1\] has the lone surrogate U\+DC80"):
        client.translate(["a", "b\udc80"])


def test_wrong_types_are_refused_with_what_is_right(client: Client) -> None:
    with pytest.raises(InvalidArgumentError, match="translate_stream takes any iterable"):
        client.translate(iter(["a"]))  # type: ignore[call-overload]
    with pytest.raises(InvalidArgumentError, match=r"contents\[0\] must be str, not NoneType"):
        client.translate([None])  # type: ignore[list-item]


def test_passing_failures_are_tried_again(server: FakeServer, client: Client) -> None:
    server.failures += [queue_full(), draining(), queue_full(), draining()]
    assert client.translate("a").translated_text == "A"
    assert len(server.requests) == 5


def test_a_queue_that_stays_full_is_reported_in_time(server: FakeServer, client: Client) -> None:
    server.failures += [queue_full(120)] * 10
    with pytest.raises(QueueFullError, match="the queue is full") as caught:
        client.translate("a", timeout=100)  # no time for another attempt
    assert caught.value.retry_after == 120
    assert caught.value.reason == "QUEUE_FULL"
    assert len(server.requests) == 1


def test_a_deadline_that_the_server_finds_too_near_is_one_that_is_exceeded(
    server: FakeServer, client: Client
) -> None:
    late = queue_full(120)
    late.details[0].Pack(cause("WOULD_EXPIRE"))
    server.failures.append(late)
    with pytest.raises(DeadlineExceededError) as caught:
        client.translate("a", timeout=100)
    assert (caught.value.reason, caught.value.retry_after) == ("WOULD_EXPIRE", 120)


def test_nothing_is_tried_again_where_the_caller_does_it(server: FakeServer) -> None:
    server.failures += [draining(), queue_full(), draining()]
    with Client(server.target, retry_seconds=0) as client:
        for kind in (UnavailableError, QueueFullError, UnavailableError):
            with pytest.raises(kind):
                client.translate("a")
    assert len(server.requests) == 3


def test_a_server_that_is_replaced_during_a_call_costs_nothing(
    server: FakeServer, client: Client
) -> None:
    server.limits.max_contents = 2
    client.translate(["a", "b"])
    server.requests.clear()
    server.hold.clear()
    texts = [f"text {number}" for number in range(20)]
    with ThreadPoolExecutor(1) as threads:
        called = threads.submit(client.translate, texts)
        while len(server.requests) < 3:  # in flight
            pass
        server.stop()
        with FakeServer(port=server.port) as new:
            new.limits.max_contents = 2
            assert [t.translated_text for t in called.result()] == [t.upper() for t in texts]


def test_a_call_that_ends_with_the_client_says_so(server: FakeServer) -> None:
    client = Client(server.target)
    server.hold.clear()
    with ThreadPoolExecutor(1) as threads:
        called = threads.submit(client.translate, "a")
        while not server.requests:
            pass
        client.close()
        server.hold.set()
        with pytest.raises(UsageError, match="the client is closed"):
            called.result()


def test_other_failures_are_not_retried(server: FakeServer, client: Client) -> None:
    server.failures += [status(code_pb2.INTERNAL, "a bug")] * 2
    with pytest.raises(ServerError, match="a bug"):
        client.translate("a")
    assert len(server.requests) == 1


def test_a_call_past_its_timeout_exceeds_the_deadline(server: FakeServer, client: Client) -> None:
    server.hold.clear()
    with pytest.raises(DeadlineExceededError, match=f"no answer from {server.target}"):
        client.translate("a", timeout=0.1)


def test_no_server_is_a_connect_error_that_says_how_to_start_one() -> None:
    with (
        Client("127.0.0.1:1", retry_seconds=0) as client,
        pytest.raises(ConnectError, match=r"127\.0\.0\.1:1 .*refused.*dragoman serve"),
    ):
        client.translate("a")


def test_models_are_listed_with_their_languages_and_limits(client: Client) -> None:
    (model,) = client.models()
    assert model.name == "fake"
    assert (model.source_language_codes, model.target_language_codes) == (("en",), ("de",))
    assert model.limits.max_contents == 1024


def test_importing_the_client_imports_no_heavy_package() -> None:
    heavy = {"numpy", "rich", "torch", "onnxruntime", "pydantic", "starlette", "uvicorn"}
    code = f"import sys, dragoman; print(sorted({heavy!r} & set(sys.modules)))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
