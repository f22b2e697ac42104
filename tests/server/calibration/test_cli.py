"""The command on a tiny bundle, whose translations are noise: nothing here is about their worth."""

import shutil
from pathlib import Path

import pytest

from dragoman.v1.translation_pb2 import StreamTranslateTextRequest, Translation
from dragoman_server.calibration.cli import main
from dragoman_server.config import Config
from dragoman_server.local import LocalTranslator
from dragoman_server.models import Bundle, read_manifest

WORDS = ["the", "small", "cat", "sat", "on", "a", "good", "house", "by", "the", "long", "road"]
SOURCES = [
    " ".join(WORDS[start : start + length]) for start in range(12) for length in range(1, 13)
]


@pytest.fixture(scope="module")
def said(float32_bundle: Path) -> dict[str, str]:
    """What the bundle says of the sources."""
    requests = [StreamTranslateTextRequest(content=text) for text in SOURCES]
    with LocalTranslator.open(Config(bundle=(float32_bundle,), engines=1)) as translator:
        outcomes = list(translator.translate_stream(requests))
    assert all(isinstance(outcome, Translation) for outcome in outcomes)
    return {
        text: outcome.translated_text
        for text, outcome in zip(SOURCES, outcomes, strict=True)
        if isinstance(outcome, Translation)
    }


@pytest.fixture
def bundle(float32_bundle: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(float32_bundle, tmp_path / "bundle"))


@pytest.fixture
def pairs(tmp_path: Path, said: dict[str, str]) -> Path:
    """What people might say of the sources: of some what the model says, of others another word."""
    file = tmp_path / "pairs.tsv"
    lines = [
        f"{text}\t{said[text].strip() if index % 3 else ''} {'word' * (index % 3 == 0)}"
        for index, text in enumerate(SOURCES)
    ]
    file.write_text("".join(f"{line}\n" for line in lines), "utf-8")
    return file


def test_a_bundle_is_calibrated_in_place(
    bundle: Path, pairs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(bundle), str(pairs)]) == 0
    out, err = capsys.readouterr()
    assert err == f"translating {len(SOURCES)} sentences\n"
    calibration = Bundle.load(bundle).manifest.calibration
    report = calibration.report
    assert report.pair_count == len(SOURCES)
    assert f"{len(SOURCES)} sentences: calibration error {report.sentence_error:.3f}" in out
    assert f"{report.word_count:,} words: calibration error {report.word_error:.3f}" in out
    assert {feature.name for feature in calibration.word.features} == {
        *("log_odds", "sentence_log_odds", "log_characters")
    }
    request = StreamTranslateTextRequest(content="the small cat", return_confidence=True)
    with LocalTranslator.open(Config(bundle=(bundle,), engines=1)) as translator:
        (translation,) = translator.translate_stream([request])
    assert isinstance(translation, Translation)
    assert 0 < translation.confidence < 1


def test_a_bundle_for_torch_is_calibrated_alike(
    bundle: Path, torchscript_bundle: Path, pairs: Path, tmp_path: Path
) -> None:
    for_torch = Path(shutil.copytree(torchscript_bundle, tmp_path / "for-torch"))
    found = []
    for path in (bundle, for_torch):
        assert main([str(path), str(pairs)]) == 0
        found.append(Bundle.load(path).manifest.calibration)
    expected, calibration = found
    assert calibration.report.word_count == expected.report.word_count > 0
    for field in ("sentence_error", "word_error", "rank_correlation"):
        value = getattr(expected.report, field)
        assert getattr(calibration.report, field) == pytest.approx(value, abs=0.01)
    assert calibration.length_ratio.mean == pytest.approx(expected.length_ratio.mean)


def test_the_same_pairs_give_the_same_calibration(bundle: Path, pairs: Path) -> None:
    assert main([str(bundle), str(pairs)]) == 0
    first = (bundle / "bundle.json").read_bytes()
    assert main([str(bundle), str(pairs), "-s", "en", "--target-language", "de"]) == 0
    assert (bundle / "bundle.json").read_bytes() == first


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("the " * 300 + "\tdas", "pair 145 has too many source tokens; allowed: at most"),
        ("\u200b\tdas", "pair 145 has nothing to translate"),
    ],
)
def test_a_sentence_that_is_not_translated_is_named(
    bundle: Path, pairs: Path, capsys: pytest.CaptureFixture[str], line: str, told: str
) -> None:
    pairs.write_text(f"{pairs.read_text('utf-8')}{line}\n", "utf-8")
    before = read_manifest(bundle)
    assert main([str(bundle), str(pairs)]) == 2
    assert told in capsys.readouterr().err
    assert read_manifest(bundle) == before


def test_what_is_wrong_is_one_line(
    bundle: Path, pairs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for arguments, told in (
        ([bundle, tmp_path / "none.tsv"], "none.tsv cannot be read"),
        ([tmp_path / "none", pairs], "no bundle at"),
        ([bundle, pairs, "--source-language", "fr"], "fr"),
    ):
        assert main([str(each) for each in arguments]) == 2
        out, err = capsys.readouterr()
        assert out == ""
        (line,) = [each for each in err.splitlines() if not each.startswith("translating")]
        assert line.startswith("dragoman calibrate: ")
        assert told in line
