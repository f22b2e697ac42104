"""What a checkpoint is called."""

from pathlib import Path

import pytest

from dragoman_export.checkpoints import model_name

COMMIT = "6183067f769a302e3861815543b9f312c71b0ca4"


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("opus-mt-en-de", "opus-mt-en-de"),
        ("opus-mt-en-de/", "opus-mt-en-de"),
        ("opus-mt-en-de/.", "opus-mt-en-de"),
        (f"models--Helsinki-NLP--opus-mt-en-de/snapshots/{COMMIT}", "opus-mt-en-de"),
        (f"models--Helsinki-NLP--opus-mt-en-de/snapshots/{COMMIT}/", "opus-mt-en-de"),
        (f"models--gpt2/snapshots/{COMMIT}", "gpt2"),
        ("snapshots/2020-01-02", "2020-01-02"),
        (f"datasets/snapshots/{COMMIT}", COMMIT),
    ],
)
def test_a_directory_or_a_repository_gives_the_name(tmp_path: Path, path: str, name: str) -> None:
    (tmp_path / path).mkdir(parents=True)

    assert model_name(Path(f"{tmp_path}/{path}")) == name


def test_a_link_is_followed(tmp_path: Path) -> None:
    snapshot = tmp_path / "models--Helsinki-NLP--opus-mt-en-de" / "snapshots" / COMMIT
    snapshot.mkdir(parents=True)
    (tmp_path / "current").symlink_to(snapshot)

    assert model_name(tmp_path / "current") == "opus-mt-en-de"


def test_the_current_directory_has_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "en-de" / "sub").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "en-de")

    assert model_name(Path()) == "en-de"
    assert model_name(Path("sub/..")) == "en-de"
