"""What a bundle says beside what the checkpoint's own library says."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import torch
import transformers

from dragoman.v1.translation_pb2 import (
    SEGMENTATION_NONE,
    DecodingOptions,
    StreamTranslateTextRequest,
    Translation,
)
from dragoman_server.config import Config
from dragoman_server.local import LocalTranslator
from tests.unwatched import unwatched

TIE = 1e-4
"""Scores that are closer than this are equal: the order of a sum decides."""

SCORE_TOLERANCE = 1e-4
SUPPRESSED_SHARE = 5e-3
"""What scores may be higher where tokens are suppressed: the library counts their probability, and
that of padding is not nothing in a model of a minute's training."""


class Said(NamedTuple):
    text: str
    tokens: int
    """Without the end token and what the model was told to begin with."""
    score: float | None = None
    """Of beam search."""
    token_ids: tuple[int, ...] = ()
    """Counted likewise."""


@dataclass(frozen=True)
class Direction:
    """A language pair as a request names it, and as the checkpoint's own library is told it."""

    source: str = ""
    target: str = ""
    source_language: str | None = None
    """For the tokenizer."""
    target_token: str | None = None
    """That a translation begins with."""
    prefix: str = ""
    """Before the text."""


ANY = Direction()


class Reference(Protocol):
    """What a bundle is compared with."""

    @property
    def suppresses(self) -> bool:
        """Whether there are tokens that it never says."""

    def translate(
        self, texts: Sequence[str], beam_size: int, direction: Direction = ANY
    ) -> list[Said]:
        """Translates all of one direction."""

    def closest(self, text: str, beam_size: int, direction: Direction = ANY) -> float:
        """How near a hypothesis that beam search drops comes to one that it keeps."""


class Library:
    """transformers with a checkpoint, in float32 and with its own settings but for these."""

    def __init__(self, checkpoint: Path, settings: Mapping[str, Any] | None = None) -> None:
        self._tokenizer: Any = transformers.AutoTokenizer.from_pretrained(checkpoint)
        self._model: Any = transformers.AutoModelForSeq2SeqLM.from_pretrained(
            checkpoint, dtype=torch.float32, **settings or {}
        ).eval()
        own = getattr(self._tokenizer, "decoder", None)
        named = own if isinstance(own, dict) else self._tokenizer.get_vocab().values()
        # Of other ids, which models have rows for, some tokenizers say that they are unknown.
        self._named = {*named, *self._tokenizer.added_tokens_decoder}

    @property
    def suppresses(self) -> bool:
        """Whether there are tokens that it never says."""
        return bool(self._model.generation_config.bad_words_ids)

    @torch.inference_mode()
    @unwatched()
    def translate(
        self, texts: Sequence[str], beam_size: int, direction: Direction = ANY
    ) -> list[Said]:
        """Translates all of one direction at once."""
        forced_id = self._forced_id(direction)
        output = self._model.generate(
            **self._encode(texts, direction),
            num_beams=beam_size,
            do_sample=False,
            return_dict_in_generate=True,
            output_scores=True,
            **{} if forced_id is None else {"forced_bos_token_id": forced_id},
        )
        rows = output.sequences[:, 1 if forced_id is None else 2 :].tolist()
        said = self._tokenizer.batch_decode(
            [[token_id for token_id in row if token_id in self._named] for row in rows],
            skip_special_tokens=True,
            clean_up_tokenization_spaces=False,
        )
        end_id = self._model.generation_config.eos_token_id
        scores = [None] * len(said) if beam_size == 1 else output.sequences_scores.tolist()
        ended = [row[: row.index(end_id)] if end_id in row else row for row in rows]
        return [
            Said(text, len(row), score, tuple(row))
            for text, row, score in zip(said, ended, scores, strict=True)
        ]

    @torch.inference_mode()
    @unwatched()
    def log_probs(
        self, texts: Sequence[str], targets: Sequence[Sequence[int]], direction: Direction = ANY
    ) -> list[list[float]]:
        """Of every token of each target, given those before it; the end token is one of them."""
        forced_id = self._forced_id(direction)
        begin = [self._model.generation_config.decoder_start_token_id]
        begin += [] if forced_id is None else [forced_id]
        pad_id = self._model.generation_config.pad_token_id
        longest = max(map(len, targets))
        filled = [[*begin, *target, *[pad_id] * (longest - len(target))] for target in targets]
        said = torch.tensor(filled)
        logits = self._model(
            **self._encode(texts, direction), decoder_input_ids=said[:, :-1], use_cache=False
        ).logits
        never = [word[0] for word in self._model.generation_config.bad_words_ids or ()
                 if len(word) == 1]  # fmt: skip
        logits[:, :, never] = -math.inf
        scores = logits.log_softmax(2).gather(2, said[:, 1:, None])[:, len(begin) - 1 :, 0]
        return [row[: len(target)] for row, target in zip(scores.tolist(), targets, strict=True)]

    @torch.inference_mode()
    @unwatched()
    def closest(self, text: str, beam_size: int, direction: Direction = ANY) -> float:
        """How near a hypothesis that beam search drops comes to one that it keeps."""
        source = self._encode([text], direction)
        end_id = self._model.generation_config.eos_token_id
        forced_id = self._forced_id(direction)
        begin = [self._model.generation_config.decoder_start_token_id]
        running = [(begin if forced_id is None else [*begin, forced_id], 0.0)]
        closest = math.inf
        for _ in range(self._model.generation_config.max_length - len(running[0][0])):
            longer = []
            for said, score in running:
                logits = self._model(**source, decoder_input_ids=torch.tensor([said])).logits
                best = logits[0, -1].log_softmax(0).topk(2 * beam_size + 1)
                pairs = zip(best.values.tolist(), best.indices.tolist(), strict=True)
                longer += [([*said, token], score + more) for more, token in pairs]
            longer.sort(key=lambda one: -one[1])
            going = [one for one in longer if one[0][-1] != end_id]
            closest = min(closest, going[beam_size - 1][1] - going[beam_size][1])
            running = going[:beam_size]
        return closest

    def _encode(self, texts: Sequence[str], direction: Direction) -> dict[str, Any]:
        if direction.source_language is not None:
            self._tokenizer.src_lang = direction.source_language
        prefixed = [direction.prefix + text for text in texts]
        batch = self._tokenizer(prefixed, return_tensors="pt", padding=True)
        return {name: batch[name] for name in ("input_ids", "attention_mask")}

    def _forced_id(self, direction: Direction) -> int | None:
        if direction.target_token is not None:
            return int(self._tokenizer.convert_tokens_to_ids(direction.target_token))
        token_id: int | None = self._model.generation_config.forced_bos_token_id
        return token_id


def translated(
    bundle: Path,
    texts: Sequence[str],
    beam_sizes: Sequence[int],
    directions: Sequence[Direction] = (ANY,),
) -> list[Translation]:
    """Translations of all texts at once, each with the beam and the direction of its turn."""
    with LocalTranslator.open(Config(bundle=bundle, engines=1)) as translator:
        return _translated(translator, _requests(texts, beam_sizes, directions))


def _requests(
    texts: Sequence[str], beam_sizes: Sequence[int], directions: Sequence[Direction]
) -> list[StreamTranslateTextRequest]:
    return [
        StreamTranslateTextRequest(
            id=str(index),
            content=text,
            source_language_code=direction.source,
            target_language_code=direction.target,
            options=DecodingOptions(beam_size=beam_size),
            segmentation=SEGMENTATION_NONE,
        )
        for index, (text, beam_size, direction) in enumerate(
            zip(texts, cycle(beam_sizes), cycle(directions), strict=False)
        )
    ]


def _translated(
    translator: LocalTranslator, requests: Sequence[StreamTranslateTextRequest]
) -> list[Translation]:
    outcomes = list(translator.translate_stream(requests))
    for outcome in outcomes:
        if not isinstance(outcome, Translation):
            raise outcome
    return [outcome for outcome in outcomes if isinstance(outcome, Translation)]


def require_same(
    found: Sequence[Translation],
    library: Reference,
    texts: Sequence[str],
    beam_size: int,
    direction: Direction = ANY,
) -> None:
    """Texts, lengths and the scores of beams are those of the library, but for a tie or two."""
    expected = library.translate(texts, beam_size, direction)
    assert len({each.text for each in expected}) > len(texts) // 6  # so that it means something
    ties = 0
    for text, ours, theirs in zip(texts, found, expected, strict=True):
        if (ours.translated_text, ours.target_token_count) != theirs[:2]:
            assert library.closest(text, beam_size, direction) < TIE, (text, ours, theirs)
            ties += 1
        elif theirs.score is not None:
            most = SUPPRESSED_SHARE if library.suppresses else SCORE_TOLERANCE
            assert -SCORE_TOLERANCE < ours.score - theirs.score < most, (text, ours, theirs)
    assert ties <= len(texts) // 50, ties


def require_independent(
    bundles: Iterable[Path],
    texts: Sequence[str],
    every: int,
    directions: Sequence[Direction] = (ANY,),
) -> None:
    """One text out of `every` says the same alone as beside all others, to the last bit."""
    requests = _requests(texts, (1, 4, 2), directions)
    for bundle in bundles:
        with LocalTranslator.open(Config(bundle=bundle, engines=1)) as translator:
            mixed = _translated(translator, requests)
            for request, expected in [*zip(requests, mixed, strict=True)][::every]:
                (alone,) = _translated(translator, [request])
                assert alone == expected, request.content
