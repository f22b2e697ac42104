"""Moses and merges beside transformers' FSMTTokenizer, on texts in twenty scripts."""

import json
import random
from pathlib import Path

import pytest
import transformers
from transformers.models.fsmt.tokenization_fsmt import FSMTTokenizer

from dragoman.tokenizer.subwords import Merges
from dragoman.v1.bundle_pb2 import Moses, SpecialTokens
from dragoman_export.checkpoints import CheckpointTokenizer
from dragoman_export.families.moses_tokens import Contents, moses_tokenizer
from tests.export import tokenizers
from tests.export.subwords import END_ID, PAD_ID, UNKNOWN_ID, write_fsmt_tokenizer

ODD = (
    *("DOTDOT", "MULTI", "...", '."x', '."..."..."x', "'", ",", "Mr.", "a.b.", "-", "@-@", "&amp;"),
    *("%", "º", "`", "«", "»", "\u00a0", "\x00", "\u200b", "No. 5", "U.S.", "</w>", "p.m. then"),
)

LANGUAGES = (["en", "de"], ["de", "en"], ["fr", "cs"], ["ru", "fi"], ["zh", "ja"], ["xx", "it"])


def ours(path: Path, languages: list[str], *, lower_case: bool = False) -> CheckpointTokenizer:
    files = [path / name for name in ("merges.txt", "vocab-src.json", "vocab-tgt.json")]
    return moses_tokenizer(
        Contents(*files),
        Moses(
            source_language=languages[0],
            target_language=languages[1],
            normalize_punctuation=True,
            lower_case=lower_case,
        ),
        SpecialTokens(decoder_start_id=END_ID, end_id=END_ID, unknown_id=UNKNOWN_ID),
        json.loads(files[1].read_text()),
        [0, PAD_ID],
    )


@pytest.fixture(scope="module", params=LANGUAGES, ids="-".join)
def languages(request: pytest.FixtureRequest) -> list[str]:
    return list(request.param)


@pytest.fixture
def checkpoint(languages: list[str], tmp_path: Path) -> Path:
    write_fsmt_tokenizer(tmp_path, langs=languages)
    return tmp_path


def test_source_ids_are_those_of_transformers(checkpoint: Path, languages: list[str]) -> None:
    tokenizer = ours(checkpoint, languages)
    reference = transformers.AutoTokenizer.from_pretrained(checkpoint)
    for text in tokenizers.texts(700, ODD):
        assert tokenizer.encode(text) == reference(text)["input_ids"], text


def test_a_text_in_lower_case_likewise(tmp_path: Path) -> None:
    write_fsmt_tokenizer(tmp_path, do_lower_case=True)
    tokenizer = ours(tmp_path, ["en", "de"], lower_case=True)
    reference = transformers.AutoTokenizer.from_pretrained(tmp_path)
    for text in tokenizers.texts(300, ODD):
        assert tokenizer.encode(text) == reference(text)["input_ids"], text


def test_texts_of_target_ids_are_those_of_transformers(
    checkpoint: Path, languages: list[str]
) -> None:
    tokenizer = ours(checkpoint, languages)
    reference = transformers.AutoTokenizer.from_pretrained(checkpoint)
    chance = random.Random(3)
    rows = [tokenizer.encode_target(text) for text in tokenizers.texts(300, ODD)]
    rows += [chance.choices(sorted(reference.decoder), k=8) for _ in range(300)]
    for row in rows:
        ids = [i for i in row if i != UNKNOWN_ID]
        assert tokenizer.decode(row) == reference.decode(ids, skip_special_tokens=True), row


def test_what_was_cut_comes_back(tmp_path: Path) -> None:
    write_fsmt_tokenizer(tmp_path)
    tokenizer = ours(tmp_path, ["en", "de"])
    for text in ("die kleine Katze", 'Herr Fuchs ist schlau, oder? "Ja!" & nein: 3,5%'):
        assert tokenizer.decode(tokenizer.encode_target(text)) == text


@pytest.mark.parametrize("text", ["</s>", "<pad> and <unk>", "a</s>b", "<s></s>"])
def test_no_text_yields_a_token_that_steers_the_model(tmp_path: Path, text: str) -> None:
    write_fsmt_tokenizer(tmp_path)
    tokenizer = ours(tmp_path, ["en", "de"])
    assert not {0, PAD_ID, END_ID}.intersection(tokenizer.encode(text)[:-1])
    assert not {0, PAD_ID, END_ID}.intersection(tokenizer.encode_target(text))


def test_a_dash_that_sacremoses_trips_over_gives_text(tmp_path: Path) -> None:
    write_fsmt_tokenizer(tmp_path)
    (tmp_path / "vocab-tgt.json").write_text(
        json.dumps({"</s>": 2, "<unk>": 3, "x'</w>": 4, "-</w>": 5, "li</w>": 6})
    )
    assert ours(tmp_path, ["en", "cs"]).decode([4, 5, 6]) == "x' - li"


def test_merges_of_any_order_are_those_of_transformers() -> None:
    """Also those that no training gives, a pair twice or before what it is made of."""
    chance = random.Random(1)
    for _ in range(400):
        letters = "abc"[: chance.randint(1, 3)]
        symbols, merges = [*letters, *(f"{letter}</w>" for letter in letters)], []
        for _ in range(chance.randint(1, 25)):
            first = chance.choice([s for s in symbols if not s.endswith("</w>")])
            merges.append((first, chance.choice(symbols)))
            symbols.append("".join(merges[-1]))
        chance.shuffle(merges)
        reference = FSMTTokenizer.__new__(FSMTTokenizer)
        vars(reference).update(cache={}, bpe_ranks={pair: i for i, pair in enumerate(merges)})
        for _ in range(8):
            word = "".join(chance.choices(letters, k=chance.randint(1, 14)))
            assert Merges(merges).split(word) == reference.bpe(word).split(" "), (word, merges)


@pytest.mark.parametrize("text", ["." * 30_000, '."' * 15_000, "DOT" * 10_000, "a.b. " * 6000])
def test_long_texts_take_no_time_that_grows_with_their_square(tmp_path: Path, text: str) -> None:
    write_fsmt_tokenizer(tmp_path)
    assert len(ours(tmp_path, ["de", "de"]).encode(text)) > 1  # a minute or more, were it so
