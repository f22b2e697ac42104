"""Chooses the heads whose cross-attention tells what stands for what, by measuring each.

Candidates are each head of each layer and the mean of each layer's, as the decoder looks when it
says a token and when it reads what it said (Chen et al. 2020, "Accurate Word Alignment Induction
from Neural Machine Translation"). Agreement of both directions of one matrix was tried and cannot
tell these two apart: see docs/benchmarks/tried.md.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dragoman.alignment import Side, align
from dragoman.tokenizer import NOWHERE
from dragoman_export.alignment.gold import GoldPair, Links, error_rate
from dragoman_export.alignment.model_1 import TokenPair, posteriors
from dragoman_export.model import ImportedModel, Prompt, Source, Target
from dragoman_export.network import TransformerConfig
from dragoman_export.verification import AttentionGraph, Said, packed_pairs

MOST_PAIRS = 256
"""Sentences that model 1 is trained on."""

Floats = NDArray[np.float32]


class AlignmentHeads(NamedTuple):
    """As `dragoman.v1.AlignmentHeads`."""

    layer: int
    heads: tuple[int, ...]
    after_token: bool
    chosen_by: str
    figure: float


class _Candidate(NamedTuple):
    layer: int
    heads: tuple[int, ...]
    after_token: bool

    def of(self, weights: Floats) -> Floats:
        """(target, source) of (layers, heads, 1 + target, source)."""
        mean: Floats = weights[self.layer, list(self.heads)].mean(axis=0)
        return mean[1:] if self.after_token else mean[:-1]


def choose_by_gold(
    graph: AttentionGraph,
    model: ImportedModel,
    gold: Sequence[GoldPair],
    source: Source,
    target: Target,
) -> AlignmentHeads:
    """The heads with the lowest alignment error rate.

    Args:
        graph: Of attention weights.
        model: What it was made of.
        gold: What is right.
        source: How the model is told its language.
        target: Likewise.
    """
    weights = _Weights(graph, model)
    tokenizer = model.tokenizer
    before = len(target.source_prefix_ids) + len(source.prefix_ids)
    known = []
    for pair in gold:
        prompt = model.prompt(pair.source, source, target)
        target_ids = tokenizer.encode_target(pair.target)
        spans = [NOWHERE] * before + tokenizer.source_spans(pair.source)
        spans += [NOWHERE] * (len(prompt.source_ids) - len(spans))
        sides = (
            Side(pair.source_words, spans),
            Side(pair.target_words, tokenizer.target_spans(target_ids)),
        )
        known.append((pair, sides, weights.of(prompt, target_ids)))
    figures = {
        candidate: error_rate(
            (pair, _hard_links(candidate.of(matrices), *sides)) for pair, sides, matrices in known
        )
        for candidate in _candidates(model.config)
    }
    best = min(figures, key=figures.__getitem__)
    return AlignmentHeads(*best, "gold", figures[best])


def choose_by_model_1(
    graph: AttentionGraph, model: ImportedModel, said: Sequence[Said]
) -> AlignmentHeads:
    """The heads that agree best with IBM's model 1, which needs nobody to say what is right.

    Agreement is the probability, by model 1, of where a target token looks, in the mean.

    Args:
        graph: Of attention weights.
        model: What it was made of.
        said: What the model says of some sentences.
    """
    weights, steering = _Weights(graph, model), _steering_ids(model)
    pairs: list[TokenPair] = []
    found: list[Floats] = []
    for prompt, hypothesis in said[:: max(1, len(said) // MOST_PAIRS)]:
        target_ids = [i for i in hypothesis.token_ids if i != model.end_id]
        places = [at for at, i in enumerate(prompt.source_ids) if i not in steering]
        if places and target_ids:
            pairs.append(TokenPair([prompt.source_ids[at] for at in places], target_ids))
            found.append(weights.of(prompt, target_ids)[..., places])
    expected = posteriors(pairs)
    figures = {
        candidate: _agreement(map(candidate.of, found), expected)
        for candidate in _candidates(model.config)
    }
    best = max(figures, key=figures.__getitem__)
    return AlignmentHeads(*best, "model_1", figures[best])


def _candidates(config: TransformerConfig) -> list[_Candidate]:
    every = tuple(range(config.decoder_heads))
    return [
        _Candidate(layer, heads, after_token)
        for after_token in (False, True)
        for layer in range(config.decoder_layers)
        for heads in [every, *((head,) for head in every)]
    ]


def _hard_links(weights: Floats, source: Side, target: Side) -> Links:
    links = align(weights, source, target)
    return frozenset((link.source, link.target) for link in links if link.is_hard)


def _agreement(matrices: Iterable[Floats], expected: Sequence[Floats]) -> float:
    total, tokens = 0.0, 0
    for weights, probabilities in zip(matrices, expected, strict=True):
        known = np.maximum(weights.sum(axis=1, keepdims=True), np.finfo(np.float32).tiny)
        total += float((weights / known * probabilities).sum())
        tokens += len(weights)
    return total / max(tokens, 1)


def _steering_ids(model: ImportedModel) -> set[int]:
    """What of a source stands for nothing in a translation."""
    targets, sources = [*model.targets, model.any_target], [*model.sources, model.any_source]
    return {
        model.end_id,
        *(i for target in targets for i in target.source_prefix_ids),
        *(i for source in sources for i in (*source.prefix_ids, *source.suffix_ids)),
    }


class _Weights:
    """Cross-attention of a bundle's graph."""

    def __init__(self, graph: AttentionGraph, model: ImportedModel) -> None:
        self._graph = graph
        self._start_id = model.decoder_start_id
        self._names = [f"cross_attention_{at}" for at in range(model.config.decoder_layers)]

    def of(self, prompt: Prompt, target_ids: Sequence[int]) -> Floats:
        """Of each token that is said and one after them, (layers, heads, 1 + target, source)."""
        given = packed_pairs(
            [prompt.source_ids], [[self._start_id, *prompt.target_ids, *target_ids]]
        )
        weights: Floats = np.stack([each[0] for each in self._graph.run(self._names, given)])
        return weights[:, :, len(prompt.target_ids) :]
