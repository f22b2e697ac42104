"""Operators that the canonical Transformer is traced with, library `dragoman`.

Each has a plain PyTorch kernel, so that modules run and are tested eagerly, and a shape rule for
tracing. What each becomes in ONNX is written in `dragoman_export.graphs.translations`.
"""

from dragoman_export.network.operators.attention import (
    HEAD_MULTIPLE,
    SHARED_ROWS,
    attend_past,
    attend_prompt,
    attend_shared_source,
    attend_source,
)
from dragoman_export.network.operators.biases import (
    extent,
    past_bias,
    prompt_bias,
)
from dragoman_export.network.operators.candidates import (
    GROUP_SIZE,
    SUPPRESSED_BIAS,
    best_candidates,
    log_normalizers,
    scaled_log_normalizers,
)
from dragoman_export.network.operators.integers import (
    SMALLEST_ROW_SCALE,
    int8_linear_calibrated,
    int8_product,
    to_steps,
)
from dragoman_export.network.operators.rows import (
    add_and_norm,
    norm,
    recur_all,
    rms_norm,
)

__all__ = [
    "GROUP_SIZE",
    "HEAD_MULTIPLE",
    "SHARED_ROWS",
    "SMALLEST_ROW_SCALE",
    "SUPPRESSED_BIAS",
    "add_and_norm",
    "attend_past",
    "attend_prompt",
    "attend_shared_source",
    "attend_source",
    "best_candidates",
    "extent",
    "int8_linear_calibrated",
    "int8_product",
    "log_normalizers",
    "norm",
    "past_bias",
    "prompt_bias",
    "recur_all",
    "rms_norm",
    "scaled_log_normalizers",
    "to_steps",
]
