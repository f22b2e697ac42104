from pathlib import Path

import pytest

from dragoman_export.errors import CheckpointError
from dragoman_export.families import import_model
from tests.export import tiny


@pytest.fixture
def copy(checkpoint: Path, tmp_path: Path) -> Path:
    return tiny.copy_checkpoint(checkpoint, tmp_path / "copy")


def test_a_checkpoints_model_type_picks_the_importer(copy: Path) -> None:
    assert import_model(copy).family == "marian"


@pytest.mark.parametrize(
    ("family", "told"),
    [
        (
            "mbart50",
            (
                "supported are bart, fsmt, m2m_100, marian, mbart, mt5, pegasus, t5; "
                "the nearest is mbart"
            ),
        ),
        (None, "supported are bart, "),
        (["marian"], "supported are bart, "),
        ("nllb-moe", "mixtures of experts are not supported, NLLB's dense models are; supported"),
    ],
)
def test_another_family_is_refused_and_the_nearest_named(
    copy: Path, family: object, told: str
) -> None:
    tiny.change_config(copy, model_type=family)
    (copy / "source.spm").unlink()  # such a checkpoint has other files, which is not the point
    with pytest.raises(CheckpointError) as caught:
        import_model(copy)
    assert f"model_type is {family!r}; {told}" in str(caught.value)
