"""The CUDA provider gives the CPU provider's translations; skipped where there is none."""

from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from dragoman_server.assemble import cache_shape
from dragoman_server.bundle import Bundle
from dragoman_server.kv_cache import KVCache
from dragoman_server.model_runner import ModelRunner, load_sessions

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(
        "CUDAExecutionProvider" not in onnxruntime.get_available_providers(),
        reason="this onnxruntime has no CUDA provider",
    ),
]

SOURCES = [[3, 4, 5, 0], [6, 0], [7, 8, 9, 10, 11, 12, 0]]
STEPS = 10


def decode(bundle: Bundle, provider: str) -> list[list[int]]:
    """Greedy tokens of SOURCES, STEPS of each."""
    shape = cache_shape(
        bundle.manifest, max_rows=len(SOURCES), target_capacity=32, source_capacity=32
    )
    runner = ModelRunner(load_sessions(bundle, provider), KVCache(shape))
    runner.encode(SOURCES, [range(row, row + 1) for row in range(len(SOURCES))])
    tokens = np.full(len(SOURCES), bundle.manifest.special_tokens.decoder_start_id, np.int64)
    source_last = np.array([len(ids) - 1 for ids in SOURCES], np.int32)
    steps = []
    for position in range(STEPS):
        candidates = runner.decode(
            tokens,
            np.full(len(SOURCES), position, np.int32),
            source_last,
            candidate_count=1,
            with_normalizers=True,
        )
        tokens = candidates.ids[:, 0].copy()
        steps.append(tokens.tolist())
    return steps


@pytest.mark.filterwarnings("ignore")  # onnxruntime's remarks on nodes that stay on the CPU
def test_cuda_and_cpu_choose_the_same_tokens(bundle: Path) -> None:
    loaded = Bundle.load(bundle)
    assert decode(loaded, "cuda") == decode(loaded, "cpu")
