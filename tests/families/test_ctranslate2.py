"""CTranslate2 models beside CTranslate2 itself, which computes in float32 here.

Greedy search says the same tokens. Beam search is CTranslate2's where it ends at once
(EARLY_STOPPING_TRUE); by default ours goes on as transformers does, and finds what scores higher.
Two things of CTranslate2 are not asked for: it forbids by default that a translation is empty
(`min_decoding_length` is 1 and takes the end token out of the first step's probabilities), and its
`max_decoding_length` counts the end token and what a target begins with. Hypotheses that the limit
cuts off differ for the last, and are left out. So are empty ones where a target begins with a
language: there CTranslate2 drops the end token from all beams but the best.
"""

import json
import shutil
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import transformers

from dragoman.v1.translation_pb2 import (
    SEGMENTATION_NONE,
    DecodingOptions,
    EarlyStopping,
    Hypothesis,
    StreamTranslateTextRequest,
    Translation,
)
from dragoman_export.errors import UsageError
from dragoman_export.export import export, load
from dragoman_export.families import import_model
from dragoman_export.model import ImportedModel, Prompt, Source
from dragoman_export.verification import EagerDecoder
from dragoman_server.config import Config
from dragoman_server.local import LocalTranslator
from tests.export import tiny, two_vocabularies
from tests.export.corpus import Corpus
from tests.export.two_vocabularies import SOURCES, TARGETS
from tests.exports import Exports
from tests.families import multilingual
from tests.families.compare import ANY, TIE, Direction
from tests.families.ctranslate2_models import (
    LIMIT,
    Library,
    Said,
    by_pieces,
    by_transformers,
    by_transformers_bare,
    convert,
    convert_two_vocabularies,
    ends_sources,
    pieces_beside,
    starts_with_end,
    without_languages,
)

END = "</s>"

TEXTS = [
    *SOURCES,
    *TARGETS,
    *(text for text in tiny.SENTENCES if "</s>" not in text),
    *(f"{first} {second}" for first in tiny.SENTENCES[:3] for second in SOURCES),
    *(f"{first}, {second}" for first in SOURCES[:4] for second in TARGETS[:3]),
]

MOST_TOKENS = 60
"""Of a source; the smallest model has 64 positions."""

pytestmark = pytest.mark.filterwarnings("ignore:Recommended. pip install sacremoses")


@dataclass(frozen=True)
class Case:
    """A model to compare."""

    make: Callable[[Path], Path]
    """Writes a checkpoint of transformers."""
    checkpoint: str
    """Its name among what all tests share."""
    convert: Callable[[Path, Path], Path] = convert
    directions: Sequence[Direction] = (ANY,)
    source: Callable[[Path], Callable[[str, Direction], list[str]]] = by_transformers
    """Makes of the checkpoint what makes source tokens."""
    languages: tuple[str | None, str | None] = (None, None)
    """What export has to be told."""
    start: Sequence[str] = ()
    """Of the decoder, where each request names it."""


def begins_by_name(checkpoint: Path, output: Path) -> Path:
    """Without it the library cannot open a model."""
    return convert(checkpoint, output, config={"bos_token": "<s>"})


def two(path: Path) -> Path:
    return two_vocabularies.make_checkpoint(path, two_vocabularies.KINDS["nothing tied"])


def of_kind(name: str, **changes: object) -> Case:
    kind = multilingual.KINDS[name]
    case = Case(kind.make, f"family-{name}", directions=kind.directions)
    return replace(case, **changes)  # type: ignore[arg-type]


def even(name: str, **settings: int) -> Case:
    """With heads as wide as the model divided among them, which is all that the library takes."""
    kind = multilingual.KINDS[name]
    changed = replace(kind, settings={**kind.settings, **settings})
    return Case(changed.make, f"family-{name}-even", directions=kind.directions)


def legacy_nllb() -> Case:
    """With the language of a source after it."""
    kind = multilingual.KINDS["nllb"]

    def tokenizer(path: Path, corpus: Corpus) -> Any:
        kind.tokenizer(path, corpus)
        file = path / "tokenizer_config.json"
        settings = json.loads(file.read_text())
        file.write_text(json.dumps({**settings, "legacy_behaviour": True}))
        return transformers.AutoTokenizer.from_pretrained(path)

    legacy = replace(kind, tokenizer=tokenizer)
    return Case(legacy.make, "family-nllb-legacy", directions=kind.directions)


ONE_PAIR = ("en", "de")

CASES = {
    "marian": Case(tiny.make_checkpoint, "tiny", languages=ONE_PAIR),
    "two vocabularies": Case(
        two,
        "marian-001",
        convert_two_vocabularies,
        source=lambda checkpoint: by_pieces(checkpoint / "source.spm", END),
        languages=ONE_PAIR,
    ),
    "opennmt": of_kind(
        "m2m100",
        convert=without_languages,
        directions=(ANY,),
        source=pieces_beside,
        languages=ONE_PAIR,
    ),
    "ends sources": of_kind(
        "bart",
        convert=ends_sources,
        source=by_transformers_bare,
        languages=ONE_PAIR,
    ),
    "nllb": of_kind("nllb"),
    "mbart-25": of_kind("mbart", languages=(None, "de"), start=["de_DE"]),
    "madlad": even("madlad", d_kv=8, num_decoder_layers=2),
}
"""Of which bundles are made."""

MORE_CASES = {
    "m2m100": of_kind("m2m100"),
    "mbart50": of_kind("mbart50", convert=starts_with_end),
    "bart": of_kind("bart"),
    "pegasus": of_kind("pegasus"),
    "t5": of_kind("t5"),
    "byt5": even("byt5", num_heads=4),
    "legacy nllb": legacy_nllb(),
    "mbart50 without a start": of_kind("mbart50", convert=begins_by_name, start=[END]),
}
"""Of which the modules are asked that a bundle would be traced from."""


@dataclass(frozen=True)
class Made:
    case: Case
    library: Library
    bundle: Path
    texts: Sequence[str]

    @property
    def decode(self) -> Callable[[Sequence[str]], str]:
        names = ("shared_vocabulary.json", "target_vocabulary.json")
        file = next(
            self.library.path / name for name in names if (self.library.path / name).exists()
        )
        ids = {token: number for number, token in enumerate(json.loads(file.read_text()))}
        tokenizer = import_model(self.library.path).tokenizer
        return lambda tokens: tokenizer.decode([ids[token] for token in tokens])


@pytest.fixture(scope="module", params=CASES)
def model(request: pytest.FixtureRequest, exports: Exports) -> Made:
    name = request.param
    case = CASES[name]
    checkpoint = exports.get(case.checkpoint, case.make)
    directory = exports.get(
        f"ctranslate2-{name.replace(' ', '-')}", lambda path: make(case, checkpoint, path)
    )
    library = library_of(case, directory / "model", checkpoint)
    texts = [
        text
        for text in TEXTS
        if all(len(library.source_tokens(text, each)) <= MOST_TOKENS for each in case.directions)
    ]
    return Made(case, library, directory / "bundle", texts)


def library_of(case: Case, model: Path, checkpoint: Path) -> Library:
    return Library(
        model,
        case.source(checkpoint),
        lambda direction: [direction.target_token] if direction.target_token else [],
        case.start,
    )


def make(case: Case, checkpoint: Path, directory: Path) -> None:
    """Converts a checkpoint, and exports what came of it."""
    directory.mkdir()
    model = case.convert(checkpoint, directory / "model")
    source, target = case.languages
    request = tiny.request(model, directory / "bundle", "float32")
    export(replace(request, source_language=source, target_language=target), tiny.no_progress)


def translated(
    model: Made, beam_size: int, direction: Direction, texts: Sequence[str] | None = None
) -> list[Translation]:
    options = DecodingOptions(
        beam_size=beam_size,
        num_hypotheses=beam_size,
        max_decoding_length=LIMIT,
        return_scores=True,
        early_stopping=EarlyStopping.EARLY_STOPPING_TRUE,
    )
    requests = [
        StreamTranslateTextRequest(
            id=str(index),
            content=text,
            source_language_code=direction.source,
            target_language_code=direction.target,
            options=options,
            segmentation=SEGMENTATION_NONE,
        )
        for index, text in enumerate(model.texts if texts is None else texts)
    ]
    with LocalTranslator.open(Config(bundle=model.bundle, engines=1)) as translator:
        outcomes = list(translator.translate_stream(requests))
    assert all(isinstance(outcome, Translation) for outcome in outcomes), outcomes
    return [outcome for outcome in outcomes if isinstance(outcome, Translation)]


def test_greedy_search_says_the_same(model: Made) -> None:
    decode = model.decode
    ended = 0
    for direction in model.case.directions:
        expected = model.library.translate(model.texts, 1, direction)
        assert len({said.tokens for (said,) in expected}) > len(model.texts) // 6
        found = translated(model, 1, direction)
        for text, ours, (theirs,) in zip(model.texts, found, expected, strict=True):
            assert ours.translated_text == decode(theirs.tokens), text
            if theirs.tokens[-1] == END:
                ended += 1
                assert ours.target_token_count == len(theirs.tokens) - 1
                assert ours.score == pytest.approx(theirs.score, abs=TIE)
    assert ended > len(model.texts) // 3


def test_a_text_of_nothing_stays_one(model: Made) -> None:
    nothing = ["", "  ", "\u200b", *TEXTS[:1]]  # a space of no width is none to sentencepiece
    found = translated(model, 1, model.case.directions[0], nothing)
    assert not found[0].translated_text
    assert not found[1].translated_text
    assert found[3] == translated(model, 1, model.case.directions[0], TEXTS[:1])[0]


def test_beam_search_finds_the_same_hypotheses(model: Made) -> None:
    decode = model.decode
    compared = ties = 0
    for direction in model.case.directions:
        expected = model.library.translate(model.texts, 4, direction)
        for ours, theirs in zip(translated(model, 4, direction), expected, strict=True):
            ends = all(said.tokens[-1] == END for said in theirs)
            is_empty = any(not each.target_token_count for each in ours.hypotheses)
            if ends and not (is_empty and direction.target_token):
                compared += 1
                ties += not is_same(ours.hypotheses, theirs, decode)
    assert compared > len(model.case.directions) * len(model.texts) // 4
    assert ties <= compared // 50


def is_same(
    ours: Sequence[Hypothesis], theirs: Sequence[Said], decode: Callable[[Sequence[str]], str]
) -> bool:
    assert len(ours) == len(theirs)
    return all(
        found.translated_text == decode(said.tokens) and abs(found.score - said.score) < TIE
        for found, said in zip(ours, theirs, strict=True)
    )


def test_scores_of_hypotheses_are_the_library_s_log_probabilities(model: Made) -> None:
    direction = model.case.directions[0]
    expected = model.library.translate(model.texts[:6], 4, direction)
    found = translated(model, 4, direction)[:6]
    for text, ours, theirs in zip(model.texts, found, expected, strict=False):
        by_text = {model.decode(said.tokens): said for said in theirs if said.tokens[-1] == END}
        times = Counter(each.translated_text for each in ours.hypotheses)
        for hypothesis in ours.hypotheses:
            said = by_text.get(hypothesis.translated_text)
            if said is None or times[hypothesis.translated_text] > 1:  # cut in several ways
                continue
            total = model.library.log_probs(text, said.tokens[:-1], direction)
            length = len(said.tokens) + len(model.library.target_prefix(direction))
            if hypothesis.target_token_count == len(said.tokens) - 1:
                assert hypothesis.score == pytest.approx(total / length, abs=TIE)


def test_the_checkpoint_is_not_needed(exports: Exports, tmp_path: Path) -> None:
    case = CASES["nllb"]
    checkpoint = exports.get(case.checkpoint, case.make)
    copy = tmp_path / "copy"
    shutil.copytree(checkpoint, copy)
    converted = case.convert(copy, tmp_path / "model")
    shutil.rmtree(copy)
    assert {target.token for target in import_model(converted).targets} == {
        *multilingual.NLLB_LANGUAGES
    }


def test_a_target_that_the_decoder_starts_with_must_be_chosen(
    exports: Exports, tmp_path: Path
) -> None:
    case = CASES["mbart-25"]
    checkpoint = exports.get(case.checkpoint, case.make)
    request = tiny.request(case.convert(checkpoint, tmp_path / "model"), tmp_path, "float32")
    with pytest.raises(UsageError, match="choose it with --target-language, of ar, cs, de"):
        load(request)
    model, _ = load(replace(request, target_language="de"))
    assert model.decoder_start_id == model.targets[2].start_id


def test_what_steers_is_text_when_somebody_types_it(exports: Exports, tmp_path: Path) -> None:
    case = CASES["madlad"]
    checkpoint = exports.get(case.checkpoint, case.make)
    imported = import_model(case.convert(checkpoint, tmp_path / "model"))
    labels = {target.token: target.source_prefix_ids for target in imported.targets}
    assert {*labels} == {"<2de>", "<2en>"}
    typed = imported.tokenizer.encode("a <2de> b")
    assert labels["<2de>"][0] not in typed
    assert len(typed) > len("a 2 b")


@pytest.mark.parametrize("name", MORE_CASES)
def test_modules_of_other_families_say_the_same(
    name: str, exports: Exports, tmp_path: Path
) -> None:
    case = MORE_CASES[name]
    checkpoint = exports.get(case.checkpoint, case.make)
    library = library_of(case, case.convert(checkpoint, tmp_path / "model"), checkpoint)
    imported = import_model(library.path)
    named = json.loads((library.path / "shared_vocabulary.json").read_text())
    texts = TEXTS[:20]
    for direction in case.directions:
        expected = library.translate(texts, 1, direction)
        assert len({said.tokens for (said,) in expected}) > len(texts) // 4
        prompts = [prompt(imported, direction.prefix + text, direction) for text in texts]
        found = EagerDecoder(imported).decode(prompts, LIMIT)
        for text, ours, (theirs,) in zip(texts, found, expected, strict=True):
            assert tuple(named[token_id] for token_id in ours.token_ids) == theirs.tokens, text


def prompt(imported: ImportedModel, text: str, direction: Direction) -> Prompt:
    """As the server would make it."""
    source, target = imported.any_source, imported.any_target
    if direction.target_token is not None:
        target = next(each for each in imported.targets if each.token == direction.target_token)
        source = next(each for each in imported.sources if is_named(each, direction))
    source_ids = [*target.source_prefix_ids, *source.prefix_ids, *imported.tokenizer.encode(text)]
    return Prompt([*source_ids, *source.suffix_ids], target.target_prefix_ids)


def is_named(source: Source, direction: Direction) -> bool:
    return direction.source_language in {source.name, source.token}
