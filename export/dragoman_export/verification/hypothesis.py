"""What greedy decoding says about a sentence, whichever implementation ran it."""

from dataclasses import dataclass, field


@dataclass
class Hypothesis:
    """A translation as it grows, the end token included once it is there."""

    token_ids: list[int] = field(default_factory=list)

    log_probs: list[float] = field(default_factory=list)
    """Natural logarithm of each token's probability."""

    margins: list[float] = field(default_factory=list)
    """How far each token's logit lies above the next best one's."""

    def add(self, token_id: int, log_prob: float, margin: float) -> None:
        """One more token."""
        self.token_ids.append(token_id)
        self.log_probs.append(log_prob)
        self.margins.append(margin)
