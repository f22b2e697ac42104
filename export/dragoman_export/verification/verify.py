"""Compares what the graphs say with what the checkpoint says, token for token.

Knows two decoders and how to count. Does not know what runs them.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from dragoman_export.errors import VerificationError
from dragoman_export.model import Prompt
from dragoman_export.verification.hypothesis import Hypothesis

TIE = 1e-4
"""Two candidates whose logits are closer than this are equal: summation order decides."""

LOG_PROB_TOLERANCE = 1e-3
"""Largest difference of a float32 token's log-probability."""

MEAN_LOG_PROB_TOLERANCE = 0.2
"""Largest mean difference of a token's log-probability in less precision than float32. Sound int8
graphs of the shipped checkpoint are at 0.02 to 0.03; with activations cut to 5 bits they are at
0.22 and have lost 0.8 BLEU."""

BATCH_TOKENS = 1024
"""Source tokens decoded at once, padding counted."""

BATCH_SENTENCES = 32
"""Sentences decoded at once, each with caches of full length."""


GROWTH, LEAST_LIMIT = 3, 16
"""Most target tokens for each source token, and beyond them: a model that does not come to an end
is not heard out."""

Done = Callable[[float], None]
"""Told now and then which fraction of the work is done."""


class Decoder(Protocol):
    """Greedy decoding of token ids."""

    def decode(self, prompts: Sequence[Prompt], limit: int) -> list[Hypothesis]:
        """One hypothesis for each of `prompts`, of at most `limit` tokens."""
        ...


class Scorer(Decoder, Protocol):
    """A decoder that can also be told what to say."""

    def score(
        self, prompts: Sequence[Prompt], targets: Sequence[Sequence[int]]
    ) -> list[list[float]]:
        """Log-probability of every token of each target, given the prompt and those before it."""
        ...


class Tokenizer(Protocol):
    """Token ids to text."""

    def decode(self, token_ids: Sequence[int]) -> str:
        """Text of target tokens."""
        ...


@dataclass(frozen=True)
class Parity:
    """How two decoders compare; as `dragoman.v1.ParityReport`."""

    sentence_count: int
    different_count: int
    tie_count: int
    token_count: int
    max_log_prob_difference: float
    mean_log_prob_difference: float


class Said(NamedTuple):
    """A sentence and what the checkpoint's own implementation says of it."""

    prompt: Prompt
    hypothesis: Hypothesis


def listen(reference: Decoder, prompts: Sequence[Prompt], limit: int, done: Done) -> list[Said]:
    """Decodes every prompt, that of the shortest source first."""
    said: list[Said] = []
    tokens = _tokens(prompts)
    for batch in _batches(sorted(prompts, key=lambda prompt: len(prompt.source_ids))):
        said += map(Said, batch, reference.decode(batch, limit_for(batch, limit)))
        done(_tokens([prompt for prompt, _ in said]) / tokens)
    return said


def measure(candidate: Scorer, said: Sequence[Said], limit: int, done: Done) -> Parity:
    """Decodes every prompt likewise, and scores what was said."""
    found: list[Hypothesis] = []
    scores: list[list[float]] = []
    prompts = [prompt for prompt, _ in said]
    for batch in _batches(prompts):
        found += candidate.decode(batch, limit_for(batch, limit))
        targets = [said[index].hypothesis.token_ids for index in range(len(scores), len(found))]
        scores += candidate.score(batch, targets)
        done(_tokens(prompts[: len(found)]) / _tokens(prompts))
    return compare([hypothesis for _, hypothesis in said], found, scores)


def limit_for(batch: Sequence[Prompt], limit: int) -> int:
    """Target tokens that sentences decoded together may have, at most `limit`."""
    longest = max(len(prompt.source_ids) for prompt in batch)
    return min(limit, GROWTH * longest + LEAST_LIMIT)


def compare(
    expected: Sequence[Hypothesis],
    found: Sequence[Hypothesis],
    scores: Sequence[Sequence[float]],
) -> Parity:
    """Counts sentences that differ, and among them those that differ by a tie.

    Args:
        expected: What the reference says.
        found: What the candidate says.
        scores: The candidate's log-probabilities of the tokens of `expected`.
    """
    different = ties = 0
    worst = 0.0
    for reference, candidate in zip(expected, found, strict=True):
        agreed = _agreed(reference, candidate)
        pairs = zip(reference.log_probs[:agreed], candidate.log_probs[:agreed], strict=True)
        worst = max([worst, *(abs(a - b) for a, b in pairs)])
        if reference.token_ids != candidate.token_ids:
            different += 1
            ties += reference.margins[agreed] < TIE
    differences = [
        abs(a - b)
        for reference, forced in zip(expected, scores, strict=True)
        for a, b in zip(reference.log_probs, forced, strict=True)
    ]
    return Parity(
        sentence_count=len(expected),
        different_count=different,
        tie_count=ties,
        token_count=len(differences),
        max_log_prob_difference=worst,
        mean_log_prob_difference=sum(differences) / len(differences),
    )


def require_same_tokens(text: str, expected: Sequence[int], found: Sequence[int]) -> None:
    """Raises VerificationError where two tokenizers make different tokens of a text."""
    if list(expected) != list(found):
        raise VerificationError(
            f"{text!r} becomes the tokens {list(found)}, with the checkpoint's own tokenizer "
            f"{list(expected)}: the bundle would translate something else and is not written"
        )


def require_same_texts(
    reference: Tokenizer, found: Tokenizer, targets: Iterable[Sequence[int]]
) -> None:
    """Raises VerificationError where two tokenizers make different texts of target tokens."""
    for token_ids in targets:
        expected, text = reference.decode(token_ids), found.decode(token_ids)
        if expected != text:
            raise VerificationError(
                f"the tokens {list(token_ids)} become {text!r}, with the checkpoint's own "
                f"tokenizer {expected!r}: the bundle would say something else and is not written"
            )


def require_same(parity: Parity) -> None:
    """Raises VerificationError unless the two are the same but for ties and rounding."""
    differences = parity.different_count - parity.tie_count
    if differences:
        raise VerificationError(
            f"{differences} of {parity.sentence_count} sentences differ from the checkpoint's own "
            "translation: the graphs are wrong and the bundle is not written"
        )
    if not parity.max_log_prob_difference <= LOG_PROB_TOLERANCE:
        raise VerificationError(
            f"log-probabilities differ by up to {parity.max_log_prob_difference:.2g} from the "
            "checkpoint's own: the graphs are wrong and the bundle is not written"
        )


def require_close(parity: Parity, precision: str) -> None:
    """Raises VerificationError if graphs of less precision have become another model."""
    hint = "; bfloat16 has the range of float32" if precision == "float16" else ""
    if not parity.mean_log_prob_difference <= MEAN_LOG_PROB_TOLERANCE:
        raise VerificationError(
            "log-probabilities of the checkpoint's own tokens differ by "
            f"{parity.mean_log_prob_difference:.2g} in the mean, {MEAN_LOG_PROB_TOLERANCE} is the "
            f"most: {precision} costs this model too much and the bundle is not written{hint}"
        )


def _agreed(reference: Hypothesis, candidate: Hypothesis) -> int:
    """Number of leading tokens that are the same."""
    pairs = zip(reference.token_ids, candidate.token_ids, strict=False)
    return next(
        (index for index, (a, b) in enumerate(pairs) if a != b),
        min(len(reference.token_ids), len(candidate.token_ids)),
    )


def _tokens(prompts: Sequence[Prompt]) -> int:
    return sum(len(prompt.source_ids) for prompt in prompts)


def _batches(prompts: Sequence[Prompt]) -> list[list[Prompt]]:
    """Cuts prompts that are sorted by length, so that sentences of like length are together."""
    batches: list[list[Prompt]] = [[]]
    for prompt in prompts:
        count = len(batches[-1]) + 1
        if count > BATCH_SENTENCES or (count > 1 and count * len(prompt.source_ids) > BATCH_TOKENS):
            batches.append([])
        batches[-1].append(prompt)
    return batches
