"""Which directions a bundle says that it translates."""

import dataclasses
import json
from pathlib import Path

import pytest

from dragoman_export.checkpoints.checkpoint import read_checkpoint
from dragoman_export.errors import UsageError
from dragoman_export.export import export
from dragoman_export.families import import_model
from dragoman_export.families.languages import LanguagePair, canonical, language_pairs
from dragoman_export.model import ImportedModel
from tests.export import tiny


@pytest.fixture(scope="module")
def model(checkpoint: Path) -> ImportedModel:
    return import_model(read_checkpoint(checkpoint))


@pytest.fixture(scope="module")
def multilingual(model: ImportedModel) -> ImportedModel:
    """The same with tokens for three target languages."""
    tokens = {">>fra<<": 40, ">>deu_Latn<<": 41, ">>cmn_Hans<<": 42}
    return dataclasses.replace(model, vocabulary=model.vocabulary | tokens)


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
    assert language_pairs(model, None, None) == [LanguagePair("en", "de")]


def test_the_request_goes_before_the_checkpoint(model: ImportedModel) -> None:
    assert language_pairs(model, "eng", "fra") == [LanguagePair("en", "fr")]


def test_each_target_token_is_a_direction(multilingual: ImportedModel) -> None:
    assert language_pairs(multilingual, None, None) == [
        LanguagePair("en", "fr", (40,)),
        LanguagePair("en", "de", (41,)),
        LanguagePair("en", "cmn-Hans", (42,)),
    ]


def test_one_of_several_targets_can_be_picked(multilingual: ImportedModel) -> None:
    assert language_pairs(multilingual, None, "fr") == [LanguagePair("en", "fr", (40,))]


def test_a_target_that_the_model_lacks_is_refused(multilingual: ImportedModel) -> None:
    with pytest.raises(UsageError, match="not translate into 'es'; it does into cmn-Hans, de, fr"):
        language_pairs(multilingual, None, "spa")


def test_a_model_of_several_targets_is_exported_and_verified_with_all(
    checkpoint: Path, tmp_path: Path
) -> None:
    copy = tiny.copy_checkpoint(checkpoint, tmp_path / "multilingual")
    vocabulary = json.loads((copy / "vocab.json").read_text())
    names = {50: ">>fra<<", 51: ">>deu<<"}
    renamed = {names.get(token_id, piece): token_id for piece, token_id in vocabulary.items()}
    (copy / "vocab.json").write_text(json.dumps(renamed))

    manifest = export(tiny.request(copy, tmp_path / "bundle"), tiny.no_progress)

    pairs = {p.target_language_code: list(p.source_prefix_ids) for p in manifest.language_pairs}
    assert pairs == {"fr": [50], "de": [51]}
    assert manifest.parity.different_count == manifest.parity.tie_count
