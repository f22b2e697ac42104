"""One model: what its bundles say of real sentences, beside what its own library says.

Knows bundles, libraries and how to count. Does not know families.
"""

import contextlib
import math
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from dragoman.v1.translation_pb2 import DecodingOptions
from dragoman_export.export import ExportRequest, export, load
from dragoman_export.graphs import PLAIN, FormatName
from dragoman_export.model import ImportedModel, Prompt
from dragoman_export.verification import GraphDecoder, PlainGraphDecoder, Scorer
from dragoman_export.verification import Said as Heard
from dragoman_export.verification.hypothesis import Hypothesis
from dragoman_export.workbench import Workbench
from dragoman_server.models import Bundle, load_tokenizer
from tests.families.compare import TIE, Direction, Said
from tests.families.real_text.counts import BEAM_SIZES, FORMATS, Count, Measured, every_count
from tests.families.real_text.libraries import OwnLibrary
from tests.families.real_text.models import Model
from tests.families.real_text.spelled import Asked, Spelled, spelled
from tests.families.real_text.texts import RealTexts

SHOWN = 3
"""Differences that are told in full."""

BATCH = 40
"""Sentences that a library scores at once."""


def measure(model: Model, texts: RealTexts, *, with_int8: bool) -> Measured:
    """Makes the model, exports it in every format, and compares it on every sentence."""
    with tempfile.TemporaryDirectory() as directory:
        scratch = Path(directory)
        checkpoint = model.make(scratch / "checkpoint", texts.corpus._replace(steps=model.steps))
        request = ExportRequest(
            checkpoint=checkpoint,
            output=scratch / "bundle",
            precision="float32",
            sentences=texts.sentences["en"],
            verify_sentences=8,
            source_language=model.languages[0],
            target_language=model.languages[1],
            attention=False,
        )
        bundles = {name: scratch / name for name in FORMATS}
        for name, bundle in bundles.items():
            export(replace(request, format=name, output=bundle), _silent)
        comparison = _Comparison(model, request, bundles, texts, scratch / "library")
        result = comparison.measured()
        if with_int8:
            result.int8_difference = comparison.int8_difference(scratch)
        return result


@contextlib.contextmanager
def _silent(_what: str) -> Iterator[None]:
    yield


class _Way(NamedTuple):
    """How sentences are translated, and which."""

    beam_size: int
    direction: Direction
    texts: Sequence[str]


class _Comparison:
    """A model, its bundles and its library."""

    def __init__(
        self,
        model: Model,
        request: ExportRequest,
        bundles: Mapping[FormatName, Path],
        texts: RealTexts,
        scratch: Path,
    ) -> None:
        """`scratch` is nowhere yet, for the library."""
        self._model = model
        self._bundles = bundles
        self._imported, self._languages = load(request)
        scratch.mkdir()
        self._library: OwnLibrary = model.library(request.checkpoint, scratch, texts.corpus)
        self._ways = [
            _Way(
                beam_size,
                direction,
                texts.sentences[direction.source or "en"][index :: len(model.directions)],
            )
            for index, direction in enumerate(model.directions)
            for beam_size in BEAM_SIZES
        ]
        self._heard: list[Heard] = []
        self._tokenizer = load_tokenizer(Bundle.load(bundles[FORMATS[0]]))
        self._result = Measured(described(self._imported, model), every_count(Count()))

    def measured(self) -> Measured:
        """All that float32 is compared in."""
        expected = [
            self._library.translate(way.texts, way.beam_size, way.direction) for way in self._ways
        ]
        for name in FORMATS:
            found = iter(spelled(self._bundles[name], [*self._asked()]))
            for way, theirs in zip(self._ways, expected, strict=True):
                for text, each in zip(way.texts, theirs, strict=True):
                    self._count(name, way, text, next(found), each)
        distinct: set[tuple[int, ...]] = set()
        for way, theirs in zip(self._ways, expected, strict=True):
            if way.beam_size == 1:
                rows = [self._ended(each.token_ids) for each in theirs if each is not None]
                distinct |= {tuple(row) for row in rows}
                self._heard += self._hear(way.texts, rows, way.direction)
        self._result.distinct = len(distinct)
        self._heard.sort(key=lambda each: len(each.prompt.source_ids))
        for name in FORMATS:
            self._compare_scores(name)
        return self._result

    def int8_difference(self, directory: Path) -> float:
        """Once all is measured, of int8 graphs that are made in `directory`."""
        bounded = replace(self._imported, max_decoding_length=self._limit)
        bench = Workbench(bounded, self._heard, directory, _silent, lambda _: None)
        return bench.int8("calibrated").parity.mean_log_prob_difference

    @property
    def _limit(self) -> int:
        """Tokens of a translation, its end token not counted."""
        return self._model.options.max_decoding_length or self._imported.max_decoding_length

    def _asked(self) -> Iterator[Asked]:
        """Everything, in order."""
        for way in self._ways:
            options = DecodingOptions()
            options.CopyFrom(self._model.options)
            options.beam_size = way.beam_size
            for text in way.texts:
                yield Asked(text, options, way.direction)

    def _count(
        self, name: FormatName, way: _Way, text: str, ours: Spelled, theirs: Said | None
    ) -> None:
        count = self._result.counts[name, way.beam_size]
        if theirs is None:
            count.left_out += 1
            return
        ids = ours.token_ids
        if ids == theirs.token_ids and self._tokenizer.decode(ids) == theirs.text:
            count.equal += 1
            if theirs.score is not None and not self._library.suppresses:
                self._note(abs(ours.score - theirs.score))
        elif ids != theirs.token_ids and self._is_tie(text, ids, theirs, way):
            count.ties += 1
        else:
            count.different += 1
            if len(self._result.told) < SHOWN:
                self._result.told.append(
                    f"{name}, beam {way.beam_size}, {text!r}: {ids}, "
                    f"{self._tokenizer.decode(ids)!r}, {ours.score}; {theirs}"
                )

    def _is_tie(self, text: str, ids: tuple[int, ...], theirs: Said, way: _Way) -> bool:
        """Whether the library itself finds the two equal, or has to choose between equals."""
        both = [self._ended(each) for each in (ids, theirs.token_ids)]
        if way.beam_size == 1:
            same = next(i for i, (a, b) in enumerate(zip(*both, strict=False)) if a != b)
            both = [each[: same + 1] for each in both]
        scores = self._library.log_probs([text, text], both, way.direction)
        if way.beam_size == 1:
            return abs(scores[0][-1] - scores[1][-1]) < TIE
        told = len(self._prompt(text, way.direction).target_ids)
        lengths = [len(each) + 1 + told for each in (ids, theirs.token_ids)]
        means = [math.fsum(row) / length for row, length in zip(scores, lengths, strict=True)]
        if abs(means[0] - means[1]) < TIE:
            return True
        return self._library.closest(text, way.beam_size, way.direction) < TIE

    def _ended(self, ids: Sequence[int]) -> list[int]:
        """With the end token, unless the limit cut it off."""
        return [*ids, *([self._imported.end_id] if len(ids) < self._limit else [])]

    def _hear(
        self, texts: Sequence[str], targets: Sequence[list[int]], direction: Direction
    ) -> list[Heard]:
        heard = []
        for start in range(0, len(texts), BATCH):
            part, said = texts[start : start + BATCH], targets[start : start + BATCH]
            scores = self._library.log_probs(part, said, direction)
            heard += [
                Heard(self._prompt(text, direction), Hypothesis(ids, row, [math.inf] * len(ids)))
                for text, ids, row in zip(part, said, scores, strict=True)
            ]
        return heard

    def _prompt(self, text: str, direction: Direction) -> Prompt:
        """As the server makes it."""
        sources, targets = self._languages.sources, self._languages.targets
        source = sources[direction.source] if direction.source else next(iter(sources.values()))
        target = targets[direction.target] if direction.target else next(iter(targets.values()))
        return self._imported.prompt(text, source, target)

    def _compare_scores(self, name: FormatName) -> None:
        """The float32 graphs' log-probabilities of the library's translations."""
        graphs = self._graphs(name)
        for start in range(0, len(self._heard), BATCH):
            part = self._heard[start : start + BATCH]
            found = graphs.score(
                [each.prompt for each in part], [each.hypothesis.token_ids for each in part]
            )
            for each, row in zip(part, found, strict=True):
                for ours, theirs in zip(row, each.hypothesis.log_probs, strict=True):
                    self._note(abs(ours - theirs))

    def _graphs(self, name: FormatName) -> Scorer:
        bundle = self._bundles[name]
        if name in PLAIN:
            return PlainGraphDecoder(bundle, self._imported, PLAIN[name])
        return GraphDecoder(bundle, self._imported)

    def _note(self, difference: float) -> None:
        self._result.score_difference = max(self._result.score_difference, difference)


def described(imported: ImportedModel, model: Model) -> str:
    """What is unlike in a model."""
    config = imported.config
    parts = [
        f"{config.encoder_layers}+{config.decoder_layers} layers of {config.model_dim}",
        f"{config.encoder_heads} and {config.decoder_heads} heads",
        ("gated " if config.gated else "") + config.activation.replace("_tanh", " by tanh"),
        "pre-norm" if config.norm_first else "post-norm",
        "tied" if config.tied_output else "output apart",
        *([] if config.embedding_scale == 1 else ["scaled"]),
        *(["two embeddings"] if config.source_vocabulary_size else []),
        *([model.remark] if model.remark else []),
        f"{model.steps} steps of training" if model.steps else "random",
    ]
    return ", ".join(parts)
