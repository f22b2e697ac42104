from collections.abc import Sequence

import pytest

from dragoman_server.errors import InvalidArgumentError, NotFoundError
from dragoman_server.models.language_codes import ranges
from dragoman_server.models.languages import LanguagePairs
from tests.server.service.harness import manifest

Pair = tuple[str, str]

MANY = [("en", "de"), ("en", "pt-BR"), ("zh-Hant", "en"), ("de", "en")]


def find(pairs: Sequence[Pair], source: str, target: str) -> Pair:
    pair = LanguagePairs(manifest(*pairs).language_pairs).find(source, target)
    return pair.source_language_code, pair.target_language_code


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
    assert find(MANY, source, target) == found


@pytest.mark.parametrize(
    ("source", "target"), [("fr", "de"), ("en", "pt"), ("de", "de"), ("e", "de")]
)
def test_a_pair_that_nothing_fits_is_not_found_and_the_existing_are_listed(
    source: str, target: str
) -> None:
    with pytest.raises(NotFoundError, match="en to de, en to pt-BR, zh-Hant to en, de to en"):
        find(MANY, source, target)


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
        find(MANY, source, target)
    assert (caught.value.field, caught.value.reason) == (field, "LANGUAGE_REQUIRED")


def test_both_codes_may_be_empty_where_there_is_one_pair() -> None:
    assert find([("en", "de")], "", "") == ("en", "de")


def test_the_list_of_pairs_and_the_codes_stay_short() -> None:
    pairs = [(f"a{n}", "de") for n in range(1000)]
    with pytest.raises(NotFoundError) as caught:
        find(pairs, "x" * 35, "de")
    assert "and 980 more" in str(caught.value)
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize("code", ["x" * 36, "-".join("abcdefgh" * 200), "de-" * 500_000])
@pytest.mark.parametrize("field", ["source_language_code", "target_language_code"])
def test_a_code_that_is_too_long_is_not_looked_at(code: str, field: str) -> None:
    codes = (code, "de") if field == "source_language_code" else ("en", code)
    with pytest.raises(InvalidArgumentError, match=f"has {len(code)} characters; .* 35") as caught:
        find(MANY, *codes)
    assert (caught.value.field, caught.value.reason) == (field, "LANGUAGE_CODE_TOO_LONG")


def test_what_fits_a_code_grows_with_its_length_and_no_faster() -> None:
    subtags = "-".join(["ab"] * 12)
    assert len(subtags) == 35
    assert len(ranges(subtags)) < 100


@pytest.mark.parametrize(
    ("asked", "there"),
    [
        ("fra", "fr"),
        ("fre", "fr"),
        ("tl", "fil"),
        ("tgl", "fil"),
        ("iw", "he"),
        ("zho", "zh"),
        ("chi", "zh"),
        ("sh", "sr-Latn"),
        ("hbs", "sr-Latn"),
        ("sh-Cyrl", "sr-Cyrl"),
        ("zh-yue", "yue"),
        ("zh-min-nan", "nan"),
        ("i-klingon", "tlh"),
        ("en-UK", "en-GB"),
        ("fra_BE", "fr-BE"),
        ("deu_Latn", "de"),
        ("ja", "jpn"),
        ("jpn", "ja"),
        ("jpn", "jpn"),
    ],
)
def test_a_code_is_found_by_its_aliases(asked: str, there: str) -> None:
    assert find([("en", "cs"), ("en", there)], "eng", asked) == ("en", there)
    assert find([("cs", "en"), (there, "en")], asked, "eng") == (there, "en")


@pytest.mark.parametrize(
    ("asked", "there"),
    [
        ("zh", "cmn"),
        ("cmn", "zh"),
        ("zh", "cmn-Hans"),
        ("zho_Hant", "cmn-Hant"),
        ("ar", "arb"),
        ("fa", "pes"),
        ("ms", "zsm-Latn"),
        ("et", "ekk"),
        ("no", "nb"),
        ("nob", "no"),
    ],
)
def test_a_macrolanguage_and_its_main_language_stand_for_each_other(asked: str, there: str) -> None:
    assert find([("en", "cs"), ("en", there)], "en", asked) == ("en", there)


@pytest.mark.parametrize(
    ("asked", "there"),
    [
        ("az", "az-Latn"),
        ("sr", "sr-Cyrl"),
        ("zh-TW", "zh-Hant"),
        ("zh_CN", "cmn-Hans"),
        ("sr-ME", "sr-Latn"),
        ("bs-Latn", "bs"),
    ],
)
def test_a_language_is_found_by_its_likely_script(asked: str, there: str) -> None:
    others = [("en", "sr-Arab"), ("en", "zh-Kana"), ("en", "az-Cyrl")]
    assert find([*others, ("en", there)], "en", asked) == ("en", there)


@pytest.mark.parametrize("anything", ["mul", "und"])
def test_a_source_of_any_language_fits_what_nothing_else_fits(anything: str) -> None:
    pairs = [("de", "en"), (anything, "en")]
    assert find(pairs, "fr", "en") == (anything, "en")
    assert find(pairs, "de-AT", "en") == ("de", "en")
    with pytest.raises(NotFoundError):
        find([("en", anything)], "en", "fr")


def test_a_spelling_of_its_own_goes_before_what_it_is_an_alias_of() -> None:
    pairs = [("en", "sr-Latn"), ("en", "hbs"), ("en", "ro"), ("en", "mol")]
    assert find(pairs, "en", "hbs") == ("en", "hbs")
    assert find(pairs, "en", "sh") == ("en", "sr-Latn")
    assert find(pairs, "en", "mol") == ("en", "mol")
    assert find(pairs, "en", "ron") == ("en", "ro")


@pytest.mark.parametrize(
    ("pairs", "codes", "field"),
    [
        ([("en", "de"), ("en", "fr")], ("", ""), "target_language_code"),
        ([("en", "de"), ("fr", "de")], ("", ""), "source_language_code"),
        ([("en", "de"), ("fr", "de")], ("", "de"), "source_language_code"),
        ([("en", "de"), ("en", "fr"), ("de", "en")], ("en", ""), "target_language_code"),
    ],
)
def test_the_code_that_is_missing_is_named(pairs: list[Pair], codes: Pair, field: str) -> None:
    with pytest.raises(InvalidArgumentError, match=f"^{field} is empty") as caught:
        find(pairs, *codes)
    assert caught.value.field == field


def test_an_empty_code_is_shown_as_any_language() -> None:
    with pytest.raises(NotFoundError, match="no language pair from any language to 'fr': there is"):
        find(MANY, "", "fr")
    with pytest.raises(NotFoundError, match="no language pair from 'fr' to any language: there is"):
        find(MANY, "fr", "")
