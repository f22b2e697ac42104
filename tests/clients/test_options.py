"""Options that are keyword arguments, and the same ones complete."""

from dataclasses import fields
from typing import get_type_hints

import pytest

from dragoman.errors import InvalidArgumentError
from dragoman.options import Options, TranslateOptions
from dragoman.requests import Part, stream_request, unary_request


def test_each_keyword_is_an_option_of_the_same_type() -> None:
    assert get_type_hints(TranslateOptions) == get_type_hints(Options)
    assert list(get_type_hints(TranslateOptions)) == [field.name for field in fields(Options)]


def test_translations_depend_on_all_options_but_priority_and_cache() -> None:
    decides = Options(beam_size=2, priority="bulk", skip_cache=True).deciding()
    assert decides == Options(beam_size=2).deciding()
    assert {*decides, "priority", "skip_cache"} == {field.name for field in fields(Options)}


def test_what_is_not_given_is_the_models_default() -> None:
    given: TranslateOptions = {"beam_size": 4, "source_language_code": "en"}
    message = Options(**given).message(0)
    assert message.beam_size == 4
    assert [field.name for field, _ in message.ListFields()] == ["beam_size"]


def test_what_is_told_beside_translations_is_asked_of_the_request() -> None:
    options = Options(return_alignment=True, return_attention=True, return_confidence=True)
    for request in (unary_request(Part(0, ["a"]), options), stream_request(0, "a", options)):
        assert request.return_alignment
        assert request.return_attention
        assert request.return_confidence
    assert not stream_request(0, "a", Options()).return_alignment
    with pytest.raises(InvalidArgumentError, match="return_alignment"):
        Options(return_alignment="yes")  # type: ignore[arg-type]
