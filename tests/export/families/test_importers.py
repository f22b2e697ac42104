from pathlib import Path

import pytest

from dragoman_export.checkpoints import read_checkpoint
from dragoman_export.errors import CheckpointError
from dragoman_export.families import import_model
from dragoman_export.families.importers import IMPORTERS
from tests.export import tiny


@pytest.fixture
def copy(checkpoint: Path, tmp_path: Path) -> Path:
    return tiny.copy_checkpoint(checkpoint, tmp_path / "copy")


def test_a_checkpoints_model_type_picks_the_importer(copy: Path) -> None:
    assert import_model(read_checkpoint(copy)).family == "marian"


@pytest.mark.parametrize("family", ["t5", None, ["marian"]])
def test_another_family_is_refused(copy: Path, family: object) -> None:
    tiny.change_config(copy, model_type=family)
    (copy / "source.spm").unlink()  # such a checkpoint has other files, which is not the point
    with pytest.raises(CheckpointError) as caught:
        import_model(read_checkpoint(copy))
    assert f"model_type is {family!r}; only 'marian' is supported" in str(caught.value)


def test_each_importer_says_the_family_that_it_stands_for(copy: Path) -> None:
    for family, importer in IMPORTERS.items():
        tiny.change_config(copy, model_type=family)
        assert importer(read_checkpoint(copy)).family == family
