"""Options that are keyword arguments, and the same ones complete."""

from dataclasses import fields
from typing import get_type_hints

from dragoman.options import Options, TranslateOptions


def test_each_keyword_is_an_option_of_the_same_type() -> None:
    assert get_type_hints(TranslateOptions) == get_type_hints(Options)
    assert list(get_type_hints(TranslateOptions)) == [field.name for field in fields(Options)]


def test_translations_depend_on_all_options_but_the_priority_and_whether_they_are_new() -> None:
    decides = Options(beam_size=2, priority="bulk", skip_cache=True).deciding()
    assert decides == Options(beam_size=2).deciding()
    assert {*decides, "priority", "skip_cache"} == {field.name for field in fields(Options)}


def test_what_is_not_given_is_the_models_default() -> None:
    given: TranslateOptions = {"beam_size": 4, "source_language_code": "en"}
    message = Options(**given).message(0)
    assert message.beam_size == 4
    assert [field.name for field, _ in message.ListFields()] == ["beam_size"]
