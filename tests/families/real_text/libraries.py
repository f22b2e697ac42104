"""The families' own libraries behind one interface: what they say of texts, and what they think of
what somebody else says.

transformers and torch.nn.Transformer have it already (`tests.families.compare`, `torch_models`);
here are CTranslate2, and the equations of toolkits that cannot be installed beside export.
"""

import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor

from dragoman_export.checkpoints.marian_file import read_marian
from dragoman_export.families import import_model
from tests.families import ctranslate2_models
from tests.families.compare import ANY, Direction, Said
from tests.families.plain_fairseq import PlainFairseq
from tests.families.plain_marian import PlainMarian
from tests.families.plain_opennmt import PlainOpenNMT
from tests.families.plain_search import Tokens, search

LIMIT = 40
"""Target tokens where a checkpoint does not say it."""


class OwnLibrary(Protocol):
    """A library with a model, in float32; as `compare.Reference`, and it scores."""

    @property
    def suppresses(self) -> bool:
        """Whether there are tokens that it never says."""

    def translate(
        self, texts: Sequence[str], beam_size: int, direction: Direction = ANY
    ) -> Sequence[Said | None]:
        """Translates all of one direction; None where there is nothing to compare with."""

    def closest(self, text: str, beam_size: int, direction: Direction = ANY) -> float:
        """How near a hypothesis that beam search drops comes to one that it keeps."""

    def log_probs(
        self, texts: Sequence[str], targets: Sequence[Sequence[int]], direction: Direction = ANY
    ) -> list[list[float]]:
        """Of every token of each target, given those before it; the end token is one of them."""


class Equations:
    """A toolkit's equations written out once more, and transformers' way to search with beams."""

    suppresses = False  # what is never said has no probability here either

    def __init__(
        self, checkpoint: Path, logits_of: Callable[[list[int], list[int]], Tensor]
    ) -> None:
        """`logits_of` source and target ids, the start token among them, are (target, vocab)."""
        imported = import_model(checkpoint)
        self._logits_of = logits_of
        self._closest: dict[tuple[int, ...], float] = {}
        self._tokenizer = imported.tokenizer
        self._tokens = Tokens([imported.decoder_start_id], imported.end_id, imported.suppressed_ids)

    def translate(
        self,
        texts: Sequence[str],
        beam_size: int,
        direction: Direction = ANY,  # noqa: ARG002 - there is one
    ) -> list[Said]:
        """One after the other."""
        return [self._translate(self._tokenizer.encode(text), beam_size) for text in texts]

    def _translate(self, source: list[int], beam_size: int) -> Said:
        ids, score, self._closest[*source, beam_size] = search(
            lambda said: self._logits_of(source, said)[-1], self._tokens, beam_size, LIMIT
        )
        return Said(self._tokenizer.decode(ids), len(ids), score, tuple(ids))

    def closest(self, text: str, beam_size: int, direction: Direction = ANY) -> float:  # noqa: ARG002
        """In the search that `translate` made."""
        return self._closest[*self._tokenizer.encode(text), beam_size]

    @torch.inference_mode()
    def log_probs(
        self,
        texts: Sequence[str],
        targets: Sequence[Sequence[int]],
        direction: Direction = ANY,  # noqa: ARG002 - there is one
    ) -> list[list[float]]:
        """See OwnLibrary."""
        scores = []
        for text, target in zip(texts, targets, strict=True):
            said = [*self._tokens.begin, *target[:-1]]
            logits = self._logits_of(self._tokenizer.encode(text), said)
            never = [i for i in self._tokens.suppressed if i < logits.shape[1]]
            logits[:, never] = -math.inf
            found = logits.log_softmax(1).gather(1, torch.tensor(target)[:, None])
            scores.append([float(each) for each in found[:, 0]])
        return scores


def fairseq_equations(checkpoint: Path) -> Equations:
    """Of a checkpoint with `plain.pt` beside it."""
    stored = torch.load(checkpoint / "plain.pt", weights_only=True)
    return Equations(checkpoint, PlainFairseq(stored["args"], stored["model"]).logits)


def opennmt_equations(checkpoint: Path) -> Equations:
    """Of a checkpoint with `plain.pth` beside it."""
    stored = torch.load(checkpoint / "plain.pth", weights_only=True)
    return Equations(checkpoint, PlainOpenNMT(stored["opt"], stored["model"]).logits)


def marian_equations(checkpoint: Path) -> Equations:
    """Of `model.npz`; the decoder begins with zeros and no token."""
    file = read_marian(checkpoint / "model.npz")
    plain = PlainMarian(file.settings, file.tensors)
    return Equations(checkpoint, lambda source, said: plain.logits(source, said[1:]))


class CTranslate2:
    """CTranslate2, whose tokens are named and not numbered."""

    suppresses = False

    def __init__(
        self, model: Path, source_tokens: Callable[[str, Direction], list[str]], end: str = "</s>"
    ) -> None:
        self._library = ctranslate2_models.Library(
            model,
            source_tokens,
            lambda direction: [direction.target_token] if direction.target_token else [],
        )
        files = [model / f"{name}_vocabulary.json" for name in ("shared", "target")]
        self._names = json.loads(next(f for f in files if f.exists()).read_text("utf-8"))
        self._ids = {name: token_id for token_id, name in enumerate(self._names)}
        self._tokenizer = import_model(model).tokenizer
        self._end = end

    def translate(
        self, texts: Sequence[str], beam_size: int, direction: Direction = ANY
    ) -> list[Said | None]:
        """None where the two are not to be compared: see tests/families/test_ctranslate2.py."""
        return [
            self._said(hypotheses, direction)
            for hypotheses in self._library.translate(texts, beam_size, direction)
        ]

    def _said(
        self, hypotheses: Sequence[ctranslate2_models.Said], direction: Direction
    ) -> Said | None:
        if len(hypotheses) > 1:
            ends = all(each.tokens[-1:] == (self._end,) for each in hypotheses)
            is_empty = any(each.tokens == (self._end,) for each in hypotheses)
            if not ends or (is_empty and direction.target_token):
                return None
        best = hypotheses[0]
        ids = [self._ids[token] for token in best.tokens if token != self._end]
        score = None if len(hypotheses) == 1 else best.score
        return Said(self._tokenizer.decode(ids), len(ids), score, tuple(ids))

    def closest(self, text: str, beam_size: int, direction: Direction = ANY) -> float:  # noqa: ARG002
        """Nothing that it tells."""
        return math.inf

    def log_probs(
        self, texts: Sequence[str], targets: Sequence[Sequence[int]], direction: Direction = ANY
    ) -> list[list[float]]:
        """See OwnLibrary."""
        end_id = self._ids[self._end]
        named = [[self._names[i] for i in target if i != end_id] for target in targets]
        scores = self._library.all_log_probs(texts, named, direction)
        return [row[: len(target)] for row, target in zip(scores, targets, strict=True)]
