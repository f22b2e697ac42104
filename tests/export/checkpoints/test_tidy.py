"""What transformers is given where it is stricter than the importers."""

import codecs
import json
from pathlib import Path

import pytest

from dragoman_export.checkpoints import tidied
from dragoman_export.errors import CheckpointError


def test_a_tidy_checkpoint_is_taken_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"d_model": 16}')

    with tidied(tmp_path) as path:
        assert path == tmp_path


def test_marks_and_null_settings_are_left_out_and_all_else_is_there(tmp_path: Path) -> None:
    settings = {"d_model": 16, "tie_word_embeddings": None, "eos_token_id": [0]}
    (tmp_path / "config.json").write_bytes(codecs.BOM_UTF8 + json.dumps(settings).encode())
    (tmp_path / "tokenizer_config.json").write_bytes(codecs.BOM_UTF8 + b'{"source_lang": null}')
    (tmp_path / "model.safetensors").write_bytes(b"weights")
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    with tidied(tmp_path) as path:
        assert json.loads((path / "config.json").read_text()) == {
            "d_model": 16,
            "eos_token_id": [0],
        }
        assert (path / "tokenizer_config.json").read_bytes() == b'{"source_lang": null}'
        assert (path / "model.safetensors").read_bytes() == b"weights"

    assert not path.exists()
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_an_error_names_the_directory_that_the_user_knows(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"dropout": null}')

    with (
        pytest.raises(CheckpointError, match=f"cannot load {tmp_path}/x"),
        tidied(tmp_path) as path,
    ):
        raise CheckpointError(f"cannot load {path}/x")


def test_links_that_lead_nowhere_are_nobodys_business(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"dropout": null}')
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "dangling").symlink_to("gone")

    with tidied(tmp_path) as path:
        assert {each.name for each in path.iterdir()} == {"config.json", "loop", "dangling"}
