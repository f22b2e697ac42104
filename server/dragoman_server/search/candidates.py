"""What one decoding step proposes: the contract between the runner and the search."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Candidates(NamedTuple):
    """The best tokens of each row, best first."""

    ids: NDArray[np.int64]  # (rows, candidates)
    logits: NDArray[np.float32]  # (rows, candidates)
    log_normalizers: NDArray[np.float32]  # (rows,); log-probability = logit - normalizer
