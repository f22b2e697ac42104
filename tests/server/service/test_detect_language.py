"""DetectLanguage over real calls."""

import json
import logging

import grpc
import pytest
import yaml

from dragoman.v1.translation_pb2 import DetectLanguageRequest
from dragoman_server.access.keys import hash_of, new_key
from dragoman_server.monitoring.logs import CALLS_LOG
from tests.server.service.harness import failure_of, running

TEXTS = ["Where is the railway station?", "Wo ist der Bahnhof?", "駅はどこですか。", "12:30", ""]


async def test_it_says_the_language_of_each_text_in_order() -> None:
    async with running(detect_languages=True) as server:
        answer = await server.stub.DetectLanguage(DetectLanguageRequest(contents=TEXTS))
        assert [each.language_code for each in answer.detected] == ["en", "de", "ja", "und", "und"]
        english = answer.detected[0].languages
        assert english[0].language_code == "en"
        assert english[0].confidence > 0.9
        assert 1 < len(english) <= 5
        assert sorted(english, key=lambda each: -each.confidence) == list(english)
        assert not answer.detected[3].languages
        assert server.engine.texts == []
        assert server.sample("dragoman_requests_total", code="OK", model="") == 1


async def test_it_says_where_each_language_of_a_text_is_where_that_is_asked_for() -> None:
    mixed = f"- {TEXTS[0]}\n- Wo ist der Bahnhof, bitte? Ich weiß es nicht.\n{TEXTS[2]} 12:30"
    async with running(detect_languages=True) as server:
        request = DetectLanguageRequest(contents=[mixed, *TEXTS[1:]], return_spans=True)
        answer = await server.stub.DetectLanguage(request)
        spans = answer.detected[0].spans
        assert [(each.language_code, mixed[each.begin : each.end]) for each in spans] == [
            ("en", TEXTS[0]),
            ("de", "Wo ist der Bahnhof, bitte? Ich weiß es nicht."),
            ("ja", TEXTS[2]),
        ]
        assert all(0.9 < each.confidence <= 1 for each in spans)
        for text, detected in zip(TEXTS[1:], answer.detected[1:], strict=True):
            assert [(each.language_code, each.begin, each.end) for each in detected.spans] == (
                [(detected.language_code, 0, len(text))] if detected.languages else []
            )
        request.return_spans = False
        answer = await server.stub.DetectLanguage(request)
        assert not any(each.spans for each in answer.detected)


async def test_a_stretch_that_is_not_sure_enough_says_how_likely_its_likeliest_language_is() -> (
    None
):
    async with running(detect_languages=True) as server:
        request = DetectLanguageRequest(contents=["Hotel"], return_spans=True)
        (detected,) = (await server.stub.DetectLanguage(request)).detected
        (span,) = detected.spans
        assert (span.language_code, span.begin, span.end) == ("und", 0, 5)
        assert span.confidence == detected.languages[0].confidence < 0.5


async def test_it_is_off_unless_asked_for() -> None:
    async with running() as server:
        call = server.stub.DetectLanguage(DetectLanguageRequest(contents=TEXTS))
        failure = await failure_of(call)
        assert failure.code == grpc.StatusCode.FAILED_PRECONDITION
        assert failure.reason == "DETECTION_OFF"
        assert "detect_languages" in failure.message


@pytest.mark.parametrize(
    ("contents", "reason"),
    [
        ([], "NO_CONTENTS"),
        (["a"] * 4, "TOO_MANY_CONTENTS"),
        (["a" * 51], "TOO_MANY_CODE_POINTS"),
        (["a\0"], "NUL_CHARACTER"),
    ],
)
async def test_its_texts_are_bounded_as_those_to_translate_are(
    contents: list[str], reason: str
) -> None:
    async with running(detect_languages=True, max_contents=3, max_code_points=50) as server:
        call = server.stub.DetectLanguage(DetectLanguageRequest(contents=contents))
        failure = await failure_of(call)
        assert failure.code == grpc.StatusCode.INVALID_ARGUMENT
        assert failure.reason == reason


async def test_text_that_is_no_utf8_is_the_callers_mistake() -> None:
    async with running(detect_languages=True) as server:
        failure = await failure_of(server.call_raw(b"\x0a\x02\xff\xfe", "DetectLanguage"))
        assert failure.code == grpc.StatusCode.INVALID_ARGUMENT
        assert failure.reason == "MALFORMED_MESSAGE"


async def test_callers_need_the_permission_and_are_charged_as_for_translations(
    caplog: pytest.LogCaptureFixture,
) -> None:
    keys = {name: new_key() for name in ("may", "may-not")}
    methods = {"may": ["DetectLanguage"], "may-not": ["TranslateText"]}
    entries = [
        {
            "name": name,
            "sha256": hash_of(key),
            "methods": methods[name],
            "models": ["*"],
            "texts_per_second": 0.005,
            "burst_seconds": 800,
        }
        for name, key in keys.items()
    ]
    caplog.set_level(logging.INFO, CALLS_LOG)
    async with running(
        detect_languages=True, api_key_entries=yaml.safe_dump(entries), access_log="calls"
    ) as server:
        request = DetectLanguageRequest(contents=TEXTS[:3])
        may, may_not = [(("x-api-key", key),) for key in keys.values()]
        detect = server.stub.DetectLanguage
        assert len((await detect(request, metadata=may)).detected) == 3
        limited = await failure_of(detect(request, metadata=may))
        forbidden = await failure_of(detect(request, metadata=may_not))
        assert limited.reason == "RATE_LIMITED"
        assert forbidden.code == grpc.StatusCode.PERMISSION_DENIED
        line = next(each for each in caplog.records if each.__dict__.get("code") == "OK")
        told = line.__dict__
        assert (told["method"], told["caller"], told["texts"]) == ("DetectLanguage", "may", 3)
        assert told["code_points"] == sum(map(len, TEXTS[:3]))
        assert "station" not in json.dumps(told, default=str)
