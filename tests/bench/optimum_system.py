"""Optimum's ORTModelForSeq2SeqLM: `generate` on ONNX Runtime. Runs in Optimum's environment."""

import onnxruntime
from optimum.onnxruntime import ORTModelForSeq2SeqLM

from tests.bench.generate import Generate
from tests.bench.systems import Setting


def load_optimum(setting: Setting) -> Generate:
    """Loads the model that Optimum exported, float32."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = setting.threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    model = ORTModelForSeq2SeqLM.from_pretrained(
        setting.model, provider="CPUExecutionProvider", session_options=options
    )
    return Generate(model, setting)
