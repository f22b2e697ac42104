"""What one decoding step proposes: the contract between the runner and the search."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

NO_TOKENS = np.zeros(0, np.int64)


class Candidates(NamedTuple):
    """The best tokens of each row, best first."""

    ids: NDArray[np.int64]  # (rows, candidates)
    logits: NDArray[np.float32]  # (rows, candidates)
    log_normalizers: NDArray[np.float32]  # (rows,); log-probability = logit - normalizer
    wanted_logits: NDArray[np.float32] | None = None
    """(rows, wanted), of the tokens that were asked for by their ids; None where the graph does not
    give them. Then a token that is not among the candidates counts as the last of them, which it is
    no better than."""
