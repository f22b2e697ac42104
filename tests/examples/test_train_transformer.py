"""The recipe: a few steps of it end in a folder that is exported as the model that was trained."""

from pathlib import Path

import pytest
import torch

from dragoman_export.export import ExportRequest, export
from dragoman_export.families import import_model
from examples import train_transformer
from examples.number_phrases import english, german, pairs
from tests.export import tiny
from tests.families.compare import translated

CORPUS = pairs(200)

SETTINGS = {
    "--source-language": "en",
    "--target-language": "de",
    "--dim": "24",
    "--heads": "2",
    "--layers": "1",
    "--hidden": "32",
    "--vocabulary": "120",
    "--batch": "8",
    "--warmup": "5",
    "--learning-rate": "5e-3",
}


def train(folder: Path, name: str, steps: int) -> Path:
    for side, texts in zip(("source", "target"), zip(*CORPUS, strict=True), strict=True):
        (folder / side).write_text("\n".join([*texts, ""]), encoding="utf-8")
    files = {f"--{side}": str(folder / side) for side in ("source", "target")}
    output = folder / name
    options = {**SETTINGS, **files, "--output": str(output), "--steps": str(steps)}
    train_transformer.main([word for option in options.items() for word in option])
    return output


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train(tmp_path_factory.mktemp("recipe"), "model", 30)


def test_what_it_leaves_is_exported_and_says_what_the_module_says(
    folder: Path, tmp_path: Path
) -> None:
    texts = [source for source, _ in CORPUS[:8]]
    bundle = tmp_path / "bundle"
    request = ExportRequest(
        checkpoint=folder, output=bundle, precision="float32", sentences=texts, name="toy"
    )
    export(request, tiny.no_progress)
    imported = import_model(folder)
    state = torch.load(folder / "model.pt", weights_only=True)
    module = train_transformer.Translator(len(state["embedding.weight"]), 24, 2, 1, 32).eval()
    module.load_state_dict(state)
    for text, translation in zip(texts, translated(bundle, texts, [1]), strict=True):
        said = [train_transformer.START]
        source = torch.tensor([imported.tokenizer.encode(text)])
        while len(said) <= translation.target_token_count:
            with torch.no_grad():
                logits = module(source, torch.tensor([said]))[0, -1]
            logits[list(imported.suppressed_ids)] = float("-inf")
            said.append(int(logits.argmax()))
        assert imported.tokenizer.decode(said) == translation.translated_text


def test_a_run_that_stopped_goes_on_to_the_same_end(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(train_transformer, "SAVE_EVERY", 4)
    train(folder.parent, "resumed", 12)
    before = torch.load(folder.parent / "resumed/model.pt", weights_only=True)
    resumed = train(folder.parent, "resumed", 30)
    state, whole = (torch.load(path / "model.pt", weights_only=True) for path in (resumed, folder))
    assert state.keys() == whole.keys()
    for name, tensor in whole.items():
        torch.testing.assert_close(state[name], tensor)
    assert any(not torch.equal(state[name], before[name]) for name in state)


def test_a_batch_is_of_its_step_and_of_like_lengths() -> None:
    corpus = [([4] * length, [2, *[5] * length, 3]) for length in range(1, 41)]
    for step in range(1, 9):
        sources, targets = train_transformer.batch(corpus, 4, step)
        lengths = (sources != train_transformer.PAD).sum(dim=1)
        assert int(lengths.max() - lengths.min()) == len(lengths) - 1 <= 3
        assert (targets != train_transformer.PAD).sum(dim=1).tolist() == (lengths + 2).tolist()
        again, _ = train_transformer.batch(corpus, 4, step)
        assert torch.equal(sources, again)


def test_all_pairs_are_as_likely() -> None:
    corpus = [([index + 4], [2, 3]) for index in range(6)]
    seen = torch.cat([train_transformer.batch(corpus, 3, step)[0] for step in range(2000)])
    counts = seen.flatten().bincount()[4:]
    assert counts.min() > 0.85 * counts.max()


def test_unlike_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "source").write_text("one\ntwo\n")
    (tmp_path / "target").write_text("eins\n")
    words = ["--source", "source", "--target", "target", "--output", "model"]
    named = [word if word.startswith("-") else str(tmp_path / word) for word in words]
    with pytest.raises(SystemExit, match=r"source has 2 lines, .*target 1"):
        train_transformer.main([*named, "--source-language", "en", "--target-language", "de"])


@pytest.mark.parametrize(
    ("number", "in_english", "in_german"),
    [
        (0, "zero", "null"),
        (1, "one", "eins"),
        (21, "twenty-one", "einundzwanzig"),
        (40, "forty", "vierzig"),
        (101, "one hundred and one", "einhunderteins"),
        (231, "two hundred and thirty-one", "zweihunderteinunddreißig"),
        (9016, "nine thousand sixteen", "neuntausendsechzehn"),
    ],
)
def test_numbers_in_words(number: int, in_english: str, in_german: str) -> None:
    assert (english(number), german(number)) == (in_english, in_german)
