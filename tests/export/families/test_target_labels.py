"""Every label of a target language can be asked for, in its own spelling and by its code."""

from collections import Counter

import pytest

from dragoman.v1.bundle_pb2 import BundleLanguagePair
from dragoman_export.families.target_labels import Label, find_labels, name_labels
from dragoman_server.models import LanguagePairs
from tests.export.families.labels import LISTS


def codes(*names: str) -> dict[str, str]:
    """Code of each label."""
    labels = [Label(name, index) for index, name in enumerate(names)]
    return {label.name: code for code, label in name_labels(labels).items()}


def served(labels: list[Label]) -> LanguagePairs:
    return LanguagePairs(
        [
            BundleLanguagePair(
                source_language_code="en",
                target_language_code=code,
                source_prefix_ids=[label.token_id],
            )
            for code, label in name_labels(labels).items()
        ]
    )


@pytest.fixture(params=list(LISTS))
def labels(request: pytest.FixtureRequest) -> list[Label]:
    return [Label(name, index) for index, name in enumerate(LISTS[request.param].split())]


def test_every_label_of_a_published_model_has_a_code_of_its_own(labels: list[Label]) -> None:
    named = name_labels(labels)
    assert sorted(named.values()) == sorted(labels)
    assert max(Counter(code.lower() for code in named).values()) == 1
    assert max(map(len, named)) <= 35


def test_the_order_of_a_vocabulary_does_not_matter(labels: list[Label]) -> None:
    named = name_labels(labels)
    assert name_labels(labels[::-1]) == named


def test_the_server_finds_every_label_by_its_code_and_by_its_own_spelling(
    labels: list[Label],
) -> None:
    pairs = served(labels)
    for code, label in name_labels(labels).items():
        assert list(pairs.find("en", code).source_prefix_ids) == [label.token_id], code
    alike = Counter(label.name.lower() for label in labels)
    for label in labels:
        if alike[label.name.lower()] == 1:
            found = pairs.find("eng", label.name)
            assert list(found.source_prefix_ids) == [label.token_id], label


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
    assert bool(find_labels({piece: 7})) == is_label
