import pytest

from dragoman_server.errors import InvalidArgumentError, NotFoundError
from dragoman_server.models.languages import find_pair
from tests.server.service.harness import manifest

MANY = [("en", "de"), ("en", "pt-BR"), ("zh-Hant", "en"), ("de", "en")]


@pytest.mark.parametrize(
    ("source", "target", "found"),
    [
        ("en", "de", ("en", "de")),
        ("EN", "De", ("en", "de")),
        ("en-GB", "de-AT-1996", ("en", "de")),
        ("en_US", "de_DE", ("en", "de")),
        ("en", "pt-br", ("en", "pt-BR")),
        ("en", "pt_BR-x-formal", ("en", "pt-BR")),
        ("zh-hant-TW", "en", ("zh-Hant", "en")),
        ("de", "", ("de", "en")),
        ("", "de", ("en", "de")),
    ],
)
def test_a_code_is_shortened_until_a_language_fits(
    source: str, target: str, found: tuple[str, str]
) -> None:
    pair = find_pair(manifest(*MANY).language_pairs, source, target)
    assert (pair.source_language_code, pair.target_language_code) == found


@pytest.mark.parametrize(
    ("source", "target"), [("fr", "de"), ("en", "pt"), ("de", "de"), ("e", "de")]
)
def test_a_pair_that_nothing_fits_is_not_found_and_the_existing_are_listed(
    source: str, target: str
) -> None:
    with pytest.raises(NotFoundError, match="en to de, en to pt-BR, zh-Hant to en, de to en"):
        find_pair(manifest(*MANY).language_pairs, source, target)


@pytest.mark.parametrize(
    ("source", "target", "field"),
    [
        ("", "", "source_language_code"),
        ("en", "", "target_language_code"),
        ("", "en", "source_language_code"),
    ],
)
def test_an_empty_code_is_refused_where_it_is_ambiguous(
    source: str, target: str, field: str
) -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        find_pair(manifest(*MANY).language_pairs, source, target)
    assert (caught.value.field, caught.value.reason) == (field, "LANGUAGE_REQUIRED")


def test_both_codes_may_be_empty_where_there_is_one_pair() -> None:
    assert find_pair(manifest().language_pairs, "", "").target_language_code == "de"


def test_the_list_of_pairs_and_the_codes_stay_short() -> None:
    pairs = manifest(*((f"a{n}", "de") for n in range(1000))).language_pairs
    with pytest.raises(NotFoundError) as caught:
        find_pair(pairs, "x" * 10_000, "de")
    assert "and 980 more" in str(caught.value)
    assert len(str(caught.value)) < 500
