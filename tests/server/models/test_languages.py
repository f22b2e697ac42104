import pytest

from dragoman_server.errors import InvalidArgumentError, NotFoundError
from dragoman_server.models.language_codes import ranges
from dragoman_server.models.languages import Languages
from tests.server.service.harness import manifest

MANY = ("de en zh-Hant", "de en pt-BR")


def find(languages: tuple[str, str], source: str, target: str) -> tuple[str, str]:
    found = Languages(manifest(*languages)).find(source, target)
    return found.source.language_code, found.target.language_code


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
    ],
)
def test_a_code_is_shortened_until_a_language_fits(
    source: str, target: str, found: tuple[str, str]
) -> None:
    assert find(MANY, source, target) == found


@pytest.mark.parametrize(("source", "target"), [("fr", "de"), ("en", "pt"), ("e", "de")])
def test_a_language_that_nothing_fits_is_not_found_and_the_existing_are_listed(
    source: str, target: str
) -> None:
    told = "it translates from de, en, zh-Hant, it translates into de, en, pt-BR"
    with pytest.raises(NotFoundError, match=f"from '{source}' to '{target}': {told}"):
        find(MANY, source, target)


@pytest.mark.parametrize(
    ("source", "target", "field"),
    [
        ("", "", "source_language_code"),
        ("en", "", "target_language_code"),
        ("", "en", "source_language_code"),
    ],
)
def test_an_empty_code_is_refused_where_it_is_ambiguous_and_named(
    source: str, target: str, field: str
) -> None:
    with pytest.raises(InvalidArgumentError, match=f"^{field} is empty") as caught:
        find(MANY, source, target)
    assert (caught.value.field, caught.value.reason) == (field, "LANGUAGE_REQUIRED")


def test_a_code_may_be_empty_where_there_is_one_language() -> None:
    assert find(("en", "de"), "", "") == ("en", "de")
    assert find(("en fr", "de"), "fr", "") == ("fr", "de")
    assert find(("en", "de fr"), "", "fr") == ("en", "fr")


def test_the_list_of_languages_and_the_codes_stay_short() -> None:
    many = " ".join(f"a{n}" for n in range(1000))
    with pytest.raises(NotFoundError) as caught:
        find((many, "de"), "x" * 35, "de")
    assert "and 980 more" in str(caught.value)
    assert len(str(caught.value)) < 500


def test_of_many_languages_the_nearest_to_an_unknown_one_are_named() -> None:
    many = "fr de " + " ".join(f"a{n}" for n in range(100)) + " deu-Latn-x-1"
    with pytest.raises(NotFoundError, match="and 83 more, the nearest de"):
        find(("en", many), "en", "dee")


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
    assert find(("en", f"cs {there}"), "eng", asked) == ("en", there)
    assert find((f"cs {there}", "en"), asked, "eng") == (there, "en")


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
    assert find(("en", f"cs {there}"), "en", asked) == ("en", there)


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
    others = "sr-Arab zh-Kana az-Cyrl"
    assert find(("en", f"{others} {there}"), "en", asked) == ("en", there)


@pytest.mark.parametrize("anything", ["mul", "und"])
def test_a_source_of_any_language_fits_what_nothing_else_fits(anything: str) -> None:
    languages = (f"de {anything}", "en")
    assert find(languages, "fr", "en") == (anything, "en")
    assert find(languages, "de-AT", "en") == ("de", "en")
    with pytest.raises(NotFoundError):
        find(("en", anything), "en", "fr")


def test_a_spelling_of_its_own_goes_before_what_it_is_an_alias_of() -> None:
    languages = ("en", "sr-Latn hbs ro mol")
    for asked, found in (("hbs", "hbs"), ("sh", "sr-Latn"), ("mol", "mol"), ("ron", "ro")):
        assert find(languages, "en", asked) == ("en", found)


def test_an_empty_code_is_shown_as_any_language() -> None:
    with pytest.raises(NotFoundError, match="no language pair from any language to 'fr': it"):
        find(("en", "de"), "", "fr")
    with pytest.raises(NotFoundError, match="no language pair from 'fr' to any language: it"):
        find(("en", "de"), "fr", "")
