"""Which of several models a request means."""

import pytest

from dragoman.v1.translation_pb2 import TranslateTextRequest
from dragoman_server.engine import Sender, TimeLimit
from dragoman_server.errors import (
    InvalidArgumentError,
    NotFoundError,
    QueueFullError,
    UnavailableError,
)
from dragoman_server.service.catalog import MOST_FOUND, Catalog, Entry
from dragoman_server.service.translator import Translator
from tests.server.service.fakes import FakeEngine, FakeTokenizer
from tests.server.service.harness import make_config, make_setup, manifest

LIMIT = TimeLimit()


def translator(
    name: str = "en-de", version: str = "1", sources: str = "en", targets: str = "de"
) -> Translator:
    contents = manifest(sources, targets)
    contents.name = name
    setup = make_setup(make_config(), contents, version=version)
    return Translator(contents, setup.model, FakeTokenizer(), FakeEngine())


def catalog(*translators: Translator) -> Catalog:
    """The last version of each name is its default."""
    last = {each.model.name: each for each in translators}
    return Catalog(Entry(each, each in last.values()) for each in translators)


def request(model: str = "", source: str = "", target: str = "") -> TranslateTextRequest:
    return TranslateTextRequest(
        model=model, source_language_code=source, target_language_code=target
    )


def test_a_name_means_the_default_version_and_with_a_version_that_one() -> None:
    old, new = translator(version="1"), translator(version="2")
    served = catalog(old, new)
    assert served.find(request("en-de")) is new
    assert served.find(request("en-de@1")) is old
    assert served.find(request("en-de@2")) is new
    assert served.find(request()) is new
    assert served.find(request("en-de@")) is new
    with pytest.raises(NotFoundError, match="no version '3' of model 'en-de': there is '1', '2'"):
        served.find(request("en-de@3"))


def test_what_there_is_not_is_told_with_what_there_is() -> None:
    served = catalog(translator(), translator("en-fr", targets="fr"))
    with pytest.raises(NotFoundError, match="no model 'en-da': there is 'en-de', 'en-fr'"):
        served.find(request("en-da"))


def test_languages_find_the_one_model_that_translates_them() -> None:
    german, french = translator(), translator("en-fr", targets="fr")
    served = catalog(german, french)
    assert served.find(request(source="en", target="fr")) is french
    assert served.find(request(target="de-AT")) is german
    with pytest.raises(NotFoundError, match="no model translates from 'en' to 'it'"):
        served.find(request(source="en", target="it"))


def test_where_several_fit_they_are_told() -> None:
    served = catalog(translator(), translator("big", targets="de fr"))
    with pytest.raises(InvalidArgumentError) as caught:
        served.find(request(source="en", target="de"))
    assert caught.value.field == "model"
    assert caught.value.reason == "MODEL_REQUIRED"
    assert caught.value.allowed == "'big', 'en-de'"
    assert served.find(request(source="en", target="fr")).model.name == "big"
    with pytest.raises(InvalidArgumentError, match="these do: 'big', 'en-de'"):
        served.find(request(source="en"))


def test_a_single_model_says_itself_what_languages_it_has() -> None:
    only = translator()
    assert catalog(only).find(request(source="ja", target="ko")) is only


def test_a_language_code_that_is_too_long_is_no_model_that_is_missing() -> None:
    with pytest.raises(InvalidArgumentError, match="36 characters"):
        catalog(translator(), translator("b")).find(request(source="x" * 36))


def test_models_that_a_caller_may_not_use_are_not_there_for_him() -> None:
    german, french = translator(), translator("en-fr", targets="fr")
    served = catalog(german, french)
    allowed = frozenset({"en-fr"})
    assert served.find(request(), allowed) is french
    with pytest.raises(NotFoundError, match="no model 'en-de': there is 'en-fr'"):
        served.find(request("en-de"), allowed)
    nothing = frozenset({"other"})
    with pytest.raises(NotFoundError, match=r"^no model 'en-de' that the caller may use$"):
        served.find(request("en-de"), nothing)
    with pytest.raises(NotFoundError, match=r"^no model that the caller may use$"):
        served.find(request(), nothing)
    assert served.find(request("en-de")) is german
    assert [model.name for model in served.models(allowed)] == ["en-fr"]


def test_before_there_is_a_model_nothing_is_found() -> None:
    with pytest.raises(UnavailableError, match="no model is loaded yet"):
        Catalog().find(request())


def test_what_is_published_replaces_what_was_at_once() -> None:
    old, new = translator(version="1"), translator(version="2")
    served = catalog(old)
    assert served.find(request("en-de")) is old
    served.publish([Entry(new, is_default=True)])
    assert served.find(request("en-de")) is new
    with pytest.raises(NotFoundError):
        served.find(request("en-de@1"))
    assert [(model.version, model.is_default) for model in served.models()] == [("2", True)]


def test_few_requests_are_remembered_and_none_that_is_long() -> None:
    served = catalog(translator())
    for number in range(MOST_FOUND + 5):
        served.find(request(source=str(number)))
    assert len(served._found) == 5
    served.find(request(source="x" * 1000))
    assert len(served._found) == 5


def test_a_call_is_refused_unread_only_where_no_model_has_room() -> None:
    full, free = translator(), translator("b")
    for each in (full, free):
        assert isinstance(each._engine, FakeEngine)
    full._engine.refusal = QueueFullError("full", retry_after_seconds=1.0)  # type: ignore[attr-defined]
    served = catalog(full, free)
    served.check_room(LIMIT, Sender("caller"), 0)
    free._engine.refusal = QueueFullError("too", retry_after_seconds=1.0)  # type: ignore[attr-defined]
    with pytest.raises(QueueFullError, match="full"):
        served.check_room(LIMIT, Sender("caller"), 0)
