import pytest

from dragoman.errors import ServerError
from dragoman.results import Model, read_detected, read_models, read_translation, read_translations
from dragoman.v1 import translation_pb2 as pb


def test_success_without_a_message_is_the_servers_fault() -> None:
    with pytest.raises(ServerError, match="without an answer"):
        read_translations(None, 1)


def test_a_missing_translation_is_the_servers_fault() -> None:
    with pytest.raises(ServerError, match="1 translations came for 2 texts"):
        read_translations(pb.TranslateTextResponse(translations=[pb.Translation()]), 2)


def test_missing_languages_are_the_servers_fault() -> None:
    with pytest.raises(ServerError, match="without an answer"):
        read_detected(None, 1)
    with pytest.raises(ServerError, match="the languages of 1 texts came for 2"):
        read_detected(pb.DetectLanguageResponse(detected=[pb.DetectedLanguages()]), 2)


def test_what_was_found_out_of_a_text_is_part_of_its_translation() -> None:
    message = pb.Translation(
        finish_reason=pb.FINISH_REASON_STOP,
        detected_language_code="de",
        detected_language_confidence=0.75,
    )
    translation = read_translation(message)
    assert translation.detected_language_code == "de"
    assert translation.detected_language_confidence == 0.75


def models(**versions: bool) -> list[Model]:
    """Versions of one model, and whether each is the default."""
    response = pb.ListModelsResponse(
        models=[
            pb.Model(name="en-de", version=version.removeprefix("v"), is_default=is_default)
            for version, is_default in versions.items()
        ]
    )
    return read_models(response)


def test_a_model_answers_to_its_name_only_where_it_is_the_default() -> None:
    first, second = models(v1=False, v2=True)
    assert [first.answers_to(name) for name in ("", "en-de", "en-de@1", "en-de@2")] == [
        *(False, False),
        *(True, False),
    ]
    assert [second.answers_to(name) for name in ("", "en-de", "en-de@1", "en-de@2")] == [
        *(True, True),
        *(False, True),
    ]
    assert not second.answers_to("en-fr")


def test_a_server_that_knows_no_versions_has_one_of_each_model() -> None:
    (model,) = read_models(pb.ListModelsResponse(models=[pb.Model(name="en-de")]))
    assert model.answers_to("en-de")
