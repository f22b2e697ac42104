"""Every label of a target language can be asked for, in its own spelling and by its code."""

from collections import Counter

import pytest

from dragoman.v1.bundle_pb2 import Manifest, SourceLanguage, TargetLanguage
from dragoman_export.families.language_names import name_languages
from dragoman_export.families.marian_tokens import find_targets
from dragoman_server.models import Languages
from tests.export.families.labels import LISTS


def codes(*names: str) -> dict[str, str]:
    """Code of each label."""
    return {name: code for code, name in name_languages(names).items()}


def served(names: list[str]) -> Languages:
    return Languages(
        Manifest(
            source_languages=[SourceLanguage(language_code="en")],
            target_languages=[
                TargetLanguage(language_code=code, source_prefix_ids=[names.index(name)])
                for code, name in name_languages(names).items()
            ],
        )
    )


@pytest.fixture(params=list(LISTS))
def names(request: pytest.FixtureRequest) -> list[str]:
    return str(LISTS[request.param]).split()


def test_every_label_of_a_published_model_has_a_code_of_its_own(names: list[str]) -> None:
    named = name_languages(names)
    assert list(named.values()) == names
    assert max(Counter(code.lower() for code in named).values()) == 1
    assert max(map(len, named)) <= 35


def test_the_order_of_a_vocabulary_does_not_matter(names: list[str]) -> None:
    vocabulary = {f">>{name}<<": index for index, name in enumerate(names)}
    backwards = dict(reversed(vocabulary.items()))
    assert find_targets(backwards) == find_targets(vocabulary)
    assert [target.name for target in find_targets(vocabulary)] == names


def test_the_server_finds_every_label_by_its_code_and_by_its_own_spelling(
    names: list[str],
) -> None:
    languages = served(names)
    for code, name in name_languages(names).items():
        assert list(languages.find("en", code).target.source_prefix_ids) == [names.index(name)]
    alike = Counter(name.lower() for name in names)
    for name in names:
        if alike[name.lower()] == 1:
            found = languages.find("eng", name).target
            assert list(found.source_prefix_ids) == [names.index(name)], name


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (["bos_Latn", "bos"], {"bos": "bs", "bos_Latn": "bs-Latn"}),
        (["bos_Latn"], {"bos_Latn": "bs"}),
        (["zh_cn", "zh_CN"], {"zh_CN": "zh-CN", "zh_cn": "zh-CN-x-2"}),
        (["hbs", "srp_Latn"], {"srp_Latn": "sr-Latn", "hbs": "hbs"}),
        (["iw", "heb"], {"heb": "he", "iw": "iw"}),
        (["fra", "fr"], {"fr": "fr", "fra": "fra"}),
        (["tgl", "fil"], {"fil": "fil", "tgl": "tgl"}),
        (["mol", "ron"], {"ron": "ro", "mol": "mol"}),
        (
            ["aze_Latn", "es_419", "nb_NO"],
            {"aze_Latn": "az-Latn", "es_419": "es-419", "nb_NO": "nb-NO"},
        ),
        (["art_x_bolak", "toki_Latn"], {"art_x_bolak": "art-x-bolak", "toki_Latn": "toki-Latn"}),
        (["ROMANCE", "ca@valencia"], {"ROMANCE": "x-romance", "ca@valencia": "x-ca-valencia"}),
        (["romance", "ROMANCE"], {"romance": "x-romance", "ROMANCE": "x-2"}),
        (["a_very_long_label_that_nobody_would_call_a_language_code"], None),
    ],
)
def test_a_label_gets_the_canonical_code_or_one_that_tells_more(
    name: list[str], expected: dict[str, str] | None
) -> None:
    found = codes(*name)
    assert found == expected or (expected is None and max(map(len, found.values())) <= 35)


@pytest.mark.parametrize(
    ("piece", "is_label"),
    [
        (">>fr<<", True),
        (">>ca@valencia<<", True),
        (">><<", False),
        (">>--<<", False),
        ("\u2581>>fr<<", False),
        (">>a b<<", False),
        (">>fr", False),
    ],
)
def test_a_label_stands_between_double_angles(piece: str, *, is_label: bool) -> None:
    assert bool(find_targets({piece: 7})) == is_label
