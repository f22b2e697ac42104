"""What a search must answer, over plain lists: one text, no rows, the whole vocabulary."""

import itertools
import math

import numpy as np

from dragoman_server.sequence import (
    Completion,
    EarlyStopping,
    FinishReason,
    Hypothesis,
    TranslationOptions,
)
from tests.server.engine.fakes import (
    END_ID,
    START_ID,
    VOCABULARY,
    Model,
    countdown,
    log_normalizer,
    rambling,
)

NEVER = -math.inf


def translate(
    source: list[int], options: TranslationOptions, model: Model = countdown
) -> Completion:
    """Greedy search, or drawing."""
    random = np.random.Generator(np.random.PCG64(options.seed))
    target = list(options.target_prefix)
    scores = [0.0] * len(target)
    while True:
        logits = model(source, target)
        allowed = lowered(list(logits), target, options)
        best = max(range(VOCABULARY), key=allowed.__getitem__)
        if allowed[best] == NEVER:
            return _completion(target, FinishReason.LENGTH, scores, options)
        token = best if options.sampling_topk == 1 else drawn(allowed, options, random.random())
        token_score = float(logits[token] - log_normalizer(logits))
        if token == END_ID:
            return _completion(target, FinishReason.STOP, [*scores, token_score], options)
        if len(target) == options.max_decoding_length:
            return _completion(target, FinishReason.LENGTH, scores, options)
        target.append(token)
        scores.append(token_score)


def _completion(
    target: list[int], reason: FinishReason, scores: list[float], options: TranslationOptions
) -> Completion:
    counted = max(1, len(scores) - len(options.target_prefix))
    return Completion(
        target,
        reason,
        sum(scores) / counted if options.return_scores else None,
        scores if options.return_token_scores else None,
    )


def lowered(scores: list[float], target: list[int], options: TranslationOptions) -> list[float]:
    """The scores of all tokens as options make them."""
    said = [START_ID, *target]
    size = options.no_repeat_ngram_size
    ngrams = {tuple(said[i : i + size]) for i in range(len(said) - size + 1)} if size else set()
    result = []
    for token, score in enumerate(scores):
        new = score
        if token in said:
            penalty = np.float32(options.repetition_penalty)
            new = float(np.float32(score) / penalty if score > 0 else np.float32(score) * penalty)
        now = [*said, token]
        if size and tuple(now[-size:]) in ngrams and len(now) > size:
            new = NEVER
        if any(now[-len(bad) :] == list(bad) for bad in options.suppress_sequences):
            new = NEVER
        if token == END_ID and len(target) < options.min_decoding_length:
            new = NEVER
        result.append(new)
    return result


def drawn(scores: list[float], options: TranslationOptions, chance: float) -> int:
    """The token that a number from 0 to 1 means."""
    best = sorted(range(VOCABULARY), key=lambda token: -scores[token])[: options.sampling_topk]
    weights = [math.exp((scores[t] - scores[best[0]]) / options.sampling_temperature) for t in best]
    kept: list[tuple[int, float]] = []
    for token, weight in zip(best, weights, strict=True):
        if sum(w for _, w in kept) / sum(weights) < options.sampling_topp:
            kept.append((token, weight))
    left = chance * sum(weight for _, weight in kept)
    for token, weight in kept:
        left -= weight
        if left < 0:
            return token
    return kept[-1][0]


def translate_with_beam(
    source: list[int], options: TranslationOptions, model: Model = rambling
) -> Completion:
    """Beam search."""
    beam, prefix = options.beam_size, list(options.target_prefix)
    running: list[tuple[float, list[int], list[float]]] = [(0.0, prefix, [0.0] * len(prefix))]
    finished: list[Hypothesis] = []
    for length in itertools.count(len(prefix)):
        is_full = length == options.max_decoding_length
        proposals: list[tuple[float, int, int, float, bool]] = []
        for parent, (score, target, _) in enumerate(running):
            logits = model(source, target)
            log_probs = [float(x) for x in logits - log_normalizer(logits)]
            allowed = lowered(log_probs, target, options)
            if is_full:
                is_cut = max(range(VOCABULARY), key=allowed.__getitem__) != END_ID
                proposals.append((score, parent, END_ID, 0.0, is_cut))
                continue
            proposals += [
                (score + allowed[t], parent, t, log_probs[t], False) for t in range(VOCABULARY)
            ]
        best = sorted(proposals, key=lambda proposal: -proposal[0])[: 2 * beam]
        counted = length + 1 - len(prefix)
        for score, parent, token, token_score, is_cut in best[:beam]:
            if token == END_ID and score > NEVER:
                _, target, scores = running[parent]
                final = score / counted**options.length_penalty
                reason = FinishReason.LENGTH if is_cut else FinishReason.STOP
                ended = scores if is_cut else [*scores, token_score]
                finished.append(Hypothesis(target, reason, final, ended))
        finished = sorted(finished, key=lambda hypothesis: -(hypothesis.score or 0))[:beam]
        running = [
            (score, [*running[parent][1], token], [*running[parent][2], token_score])
            for score, parent, token, token_score, _ in best
            if token != END_ID
        ][:beam]
        if is_full or _is_over(running[0][0], counted, finished, options):
            return _best(finished, options)
    raise AssertionError


def _is_over(
    best: float, counted: int, finished: list[Hypothesis], options: TranslationOptions
) -> bool:
    if best == NEVER:
        return True
    if len(finished) < options.beam_size:
        return False
    if options.early_stopping is EarlyStopping.TRUE:
        return True
    if options.early_stopping is EarlyStopping.NEVER and options.length_penalty > 0:
        counted = options.max_decoding_length + 1 - len(options.target_prefix)
    penalty: float = counted**options.length_penalty
    return best / penalty <= (finished[-1].score or 0)


def _best(finished: list[Hypothesis], options: TranslationOptions) -> Completion:
    wanted = [
        Hypothesis(
            each.token_ids,
            each.finish_reason,
            each.score if options.return_scores else None,
            each.token_scores if options.return_token_scores else None,
        )
        for each in finished[: options.num_hypotheses]
    ]
    return Completion(*wanted[0], hypotheses=tuple(wanted) if options.num_hypotheses > 1 else ())
