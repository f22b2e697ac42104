"""The graph of attention weights in onnxruntime. Knows how it is loaded, not what it is given."""

import onnxruntime

from dragoman_server.models import Bundle
from dragoman_server.runtime.device import OrtDevice


def load_attention(bundle: Bundle, device: OrtDevice | None = None) -> onnxruntime.InferenceSession:
    """Loads it with weights of its own: onnxruntime packs them for its products.

    That is a third faster than not to.

    Args:
        bundle: Has the graph.
        device: What the bundle is made for; None is the CPU.

    Raises:
        BundleError: It cannot be loaded.
        ConfigError: The device does not start.
    """
    path = bundle.path / bundle.manifest.attention.path
    if device is not None:
        return device.session(path)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # the caller's own
    options.inter_op_num_threads = 1
    options.enable_cpu_mem_arena = False  # it would keep what the longest text took
    options.log_severity_level = 4  # errors are raised
    return onnxruntime.InferenceSession(
        path,
        options,
        providers=["CPUExecutionProvider"],
        disabled_optimizers=["SkipLayerNormFusion"],  # as in load_sessions
    )
