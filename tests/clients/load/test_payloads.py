from dragoman.load.payloads import Payloads
from dragoman.load.sentences import Sentences
from dragoman.options import Options
from dragoman.v1 import translation_pb2 as pb


def parsed(payload: bytes) -> pb.TranslateTextRequest:
    return pb.TranslateTextRequest.FromString(payload)


def test_a_request_holds_its_texts_in_order_and_the_options_once() -> None:
    payloads = Payloads(
        Sentences("", ["a", "b", "c"]),
        Options(
            target_language_code="de",
            beam_size=4,
            priority="bulk",
            segmentation="sentences",
            guard="warn",
        ),
    )
    request = parsed(payloads.of([2, 0]))
    assert list(request.contents) == ["c", "a"]
    assert request.target_language_code == "de"
    assert request.options.beam_size == 4
    assert request.priority == pb.PRIORITY_BULK
    assert request.segmentation == pb.SEGMENTATION_SENTENCES
    assert request.guard == pb.GUARD_WARN
    assert not request.options.HasField("max_decoding_length")
    assert request.skip_cache  # else a second round would measure the cache alone


def test_target_lengths_are_each_sentences_own() -> None:
    sentences = Sentences("", ["a", "b"], target_lengths=[3, 7])
    request = parsed(Payloads(sentences, Options(max_decoding_length=99)).of([1]))
    assert list(request.contents) == ["b"]
    assert request.options.min_decoding_length == 7
    assert request.options.max_decoding_length == 7
    assert request.segmentation == pb.SEGMENTATION_NONE
