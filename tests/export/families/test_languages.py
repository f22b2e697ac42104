"""Which directions a bundle says that it translates."""

import dataclasses
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from dragoman_export.errors import UsageError
from dragoman_export.export import export
from dragoman_export.families import import_model
from dragoman_export.families.languages import canonical, find_languages
from dragoman_export.families.marian_tokens import find_targets
from dragoman_export.model import ImportedModel, Source, Target
from tests.export import tiny
from tests.export.families.labels import LISTS


@pytest.fixture(scope="module")
def model(checkpoint: Path) -> ImportedModel:
    return import_model(checkpoint)


@pytest.fixture(scope="module")
def multilingual(model: ImportedModel) -> ImportedModel:
    """The same with tokens for three target languages."""
    tokens = {">>fra<<": 40, ">>deu_Latn<<": 41, ">>cmn_Hans<<": 42}
    return dataclasses.replace(model, targets=find_targets(tokens))


def pairs(
    model: ImportedModel, source: str | None = None, target: str | None = None
) -> list[tuple[str, str, tuple[int, ...]]]:
    """Every source with every target, and what the source is told of it."""
    found = find_languages(model, source, target)
    return [
        (one, code, told.source_prefix_ids)
        for one in found.sources
        for code, told in found.targets.items()
    ]


def targets(model: ImportedModel, target: str | None = None) -> list[str]:
    return list(find_languages(model, None, target).targets)


@pytest.mark.parametrize(
    ("code", "expected"),
    [("de", "de"), ("deu_Latn", "de"), ("de_DE", "de-DE"), ("fra", "fr"), ("zho_Hant", "zh-Hant")],
)
def test_codes_take_their_canonical_form(code: str, expected: str) -> None:
    assert canonical(code) == expected


def test_what_is_no_code_is_refused() -> None:
    with pytest.raises(UsageError, match="'not a language' is no language code"):
        canonical("not a language")


def test_the_checkpoint_names_its_languages(model: ImportedModel) -> None:
    assert find_languages(model, None, None) == ({"en": Source()}, {"de": Target()}, ())


def test_the_request_goes_before_the_checkpoint(model: ImportedModel) -> None:
    assert pairs(model, "eng", "fra") == [("en", "fr", ())]


def test_each_target_token_is_a_direction(multilingual: ImportedModel) -> None:
    assert pairs(multilingual, None, None) == [
        ("en", "fr", (40,)),
        ("en", "de", (41,)),
        ("en", "cmn-Hans", (42,)),
    ]


def test_one_of_several_targets_can_be_picked(multilingual: ImportedModel) -> None:
    assert pairs(multilingual, None, "fr") == [("en", "fr", (40,))]


def test_a_target_that_the_model_lacks_is_refused(multilingual: ImportedModel) -> None:
    with pytest.raises(UsageError, match="not translate into 'es'; it does into cmn-Hans, de, fr"):
        find_languages(multilingual, None, "spa")


def with_labels(model: ImportedModel, labels: str, stated: str = "de") -> ImportedModel:
    tokens = {f">>{label}<<": 40 + index for index, label in enumerate(labels.split())}
    return dataclasses.replace(model, targets=find_targets(tokens), target_language=stated)


def test_a_stray_label_does_not_change_what_a_model_of_one_target_translates_into(
    model: ImportedModel,
) -> None:
    found = find_languages(with_labels(model, "nds"), None, None)
    assert found.targets == {"de": Target()}
    assert found.remarks == ("leave out >>nds<<: the checkpoint says that it translates into de",)


def test_a_stray_label_can_be_asked_for_as_can_the_one_target(model: ImportedModel) -> None:
    stray = with_labels(model, "nds")
    assert pairs(stray, None, "nds") == [("en", "nds", (40,))]
    assert pairs(stray, None, "deu") == [("en", "de", ())]
    with pytest.raises(UsageError, match="not translate into 'fr'; it does into de, nds"):
        find_languages(stray, None, "fr")


@pytest.mark.parametrize(
    ("stated", "labels", "expected"),
    [
        ("mul", "nds deu", ["nds", "de"]),
        ("sla", "rus pol", ["ru", "pl"]),
        ("ROMANCE", "fr es", ["fr", "es"]),
        ("fr+es+ro", "fr es ro", ["fr", "es", "ro"]),
        ("zho", "cmn_Hans yue", ["cmn-Hans", "yue"]),
        ("nor", "nob nno", ["nb", "nn"]),
        ("hbs", "bos_Latn hrv srp_Cyrl", ["bs", "hr", "sr-Cyrl"]),
        ("aze", "aze_Latn", ["az-Latn"]),
        ("por", "pob por", ["pob", "pt"]),
    ],
)
def test_a_group_a_macrolanguage_or_one_of_its_own_leaves_all_labels(
    model: ImportedModel, stated: str, labels: str, expected: list[str]
) -> None:
    assert targets(with_labels(model, labels, stated)) == expected


def test_every_target_of_a_published_list_is_a_direction_and_what_is_unusual_is_said(
    model: ImportedModel,
) -> None:
    romance = with_labels(model, LISTS["en-ROMANCE"], "fr+fr_BE+es")
    _, found, (remark,) = find_languages(romance, None, None)
    assert len(found) == len(LISTS["en-ROMANCE"].split())
    assert remark == "tell alike targets apart: >>pt_br<< is pt-BR-x-2"


def test_one_of_two_alike_targets_is_asked_for_as_the_model_spells_it(model: ImportedModel) -> None:
    alike = with_labels(model, "bos bos_Latn zh_cn zh_CN", "mul")
    for asked, token in (("bos", 40), ("bs", 40), ("bos_Latn", 41), ("zh_cn", 42), ("zh-CN", 43)):
        (found,) = pairs(alike, None, asked)
        assert found[2] == (token,), asked


def test_several_sources_are_several_directions(model: ImportedModel) -> None:
    several = dataclasses.replace(model, source_language="fr+fra+fr_BE+es")
    assert pairs(several, None, None) == [
        ("fr", "de", ()),
        ("fr-BE", "de", ()),
        ("es", "de", ()),
    ]
    assert pairs(model, "rus+ukr", None) == [
        ("ru", "de", ()),
        ("uk", "de", ()),
    ]


def test_a_source_that_is_no_code_asks_for_one(model: ImportedModel) -> None:
    family = dataclasses.replace(model, source_language="ROMANCE")
    with pytest.raises(UsageError, match=r"source_lang: 'ROMANCE' is no .* as --source-language"):
        find_languages(family, None, None)


def test_a_model_of_several_targets_is_exported_and_verified_with_all(
    checkpoint: Path, tmp_path: Path
) -> None:
    copy = tiny.copy_checkpoint(checkpoint, tmp_path / "multilingual")
    vocabulary = json.loads((copy / "vocab.json").read_text())
    names = {50: ">>fra<<", 51: ">>deu<<", 52: ">>fr<<"}
    renamed = {names.get(token_id, piece): token_id for piece, token_id in vocabulary.items()}
    (copy / "vocab.json").write_text(json.dumps(renamed))

    said = []

    @contextmanager
    def stage(what: str) -> Iterator[None]:
        said.append(what)
        yield

    manifest = export(tiny.request(copy, tmp_path / "bundle"), stage)

    told = {each.language_code: list(each.source_prefix_ids) for each in manifest.target_languages}
    assert told == {"fra": [50], "de": [51], "fr": [52]}
    assert "tell alike targets apart: >>fra<< is fra" in said
    assert manifest.parity.different_count == manifest.parity.tie_count
