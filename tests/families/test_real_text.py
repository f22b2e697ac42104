"""What the report on real sentences reads, and what it calls the same."""

import gzip
from pathlib import Path

from dragoman.v1.translation_pb2 import DecodingOptions
from dragoman_server.models import Bundle, load_tokenizer
from tests.export import tiny
from tests.families.compare import translated
from tests.families.real_text.counts import Count, Counts, Measured
from tests.families.real_text.halves import differing
from tests.families.real_text.models import models
from tests.families.real_text.spelled import Asked, Spelled, spelled
from tests.families.real_text.texts import LONGEST, LONGEST_TO_LEARN, SETS, read


def test_sentences_are_spread_over_all_sets_and_long_ones_left_out(tmp_path: Path) -> None:
    for name in SETS:
        for side in ("en", "de"):
            lines = [f"{name} {number} {side}" for number in range(30)]
            lines[1] = "long " * LONGEST
            (tmp_path / f"{name}.{side}").write_text("\n".join(lines), "utf-8")
    rows = [f"a{number}\tb{number}\tsomewhere" for number in range(5000)]
    rows[0] = f"{'x' * (LONGEST_TO_LEARN + 1)}\tb\tsomewhere"
    with gzip.open(tmp_path / "train.tsv.gz", "wt", encoding="utf-8") as file:
        file.write("\n".join(rows))
    texts = read(tmp_path, 12)
    assert len(texts.sentences["en"]) == len(texts.sentences["de"]) == 12
    assert {line.split()[0] for line in texts.sentences["en"]} == {*SETS}
    for english, german in zip(texts.sentences["en"], texts.sentences["de"], strict=True):
        assert english.removesuffix("en") == german.removesuffix("de")
    assert texts.corpus.english[0] == "a1"
    assert [f"b{line[1:]}" for line in texts.corpus.english] == texts.corpus.german


def test_translations_are_spelled_in_the_tokens_that_they_are_of(float32_bundle: Path) -> None:
    texts = [text for text in tiny.SENTENCES if "</s>" not in text]
    tokenizer = load_tokenizer(Bundle.load(float32_bundle))
    for beam_size in (1, 4):
        options = DecodingOptions(beam_size=beam_size)
        found = spelled(float32_bundle, [Asked(text, options) for text in texts])
        as_text = translated(float32_bundle, texts, [beam_size])
        assert [tokenizer.decode(each.token_ids) for each in found] == [
            each.translated_text for each in as_text
        ]
        assert [each.score for each in found] == [each.score for each in as_text]


def test_a_difference_is_one_and_a_tie_is_not() -> None:
    counts: Counts = {("onnx", 1): Count(equal=3), ("pt2", 4): Count(equal=2, ties=1)}
    assert Measured("", counts, score_difference=9e-5).is_same
    assert not Measured("", counts, score_difference=2e-4).is_same
    assert not Measured("", {**counts, ("pt2", 4): Count(equal=2, different=1)}).is_same
    assert not Measured.failed("why").is_same


def test_other_tokens_are_counted_by_beam_size_and_other_scores_are_not() -> None:
    greedy, beam = (Asked("a text", DecodingOptions(beam_size=size)) for size in (1, 4))
    expected = [Spelled((1, 2), -0.1), Spelled((1, 2), -0.1), Spelled((1, 2), -0.1)]
    found = [Spelled((1, 2), -0.2), Spelled((1, 2, 3), -0.1), Spelled((1, 3), -0.1)]
    assert differing([greedy, beam, beam], found, expected) == [0, 2]


def test_every_family_has_random_models_and_a_trained_one() -> None:
    steps: dict[str, list[int]] = {}
    for model in models():
        steps.setdefault(model.family, []).append(model.steps)
    assert len(steps) == 18
    assert all(each.count(0) >= 2 and any(each) for each in steps.values()), steps
