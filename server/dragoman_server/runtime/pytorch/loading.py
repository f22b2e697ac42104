"""Loads a bundle that PyTorch runs and makes the runners of its engines, on a CPU or on a GPU.

As `runtime.runners` for onnxruntime. Knows which kind of runner a device takes; knows nothing of
settings, queues or time.
"""

import logging
from collections.abc import Callable, Sequence

import torch

from dragoman_server.errors import BundleError, ConfigError
from dragoman_server.models import Bundle, require_shortlist
from dragoman_server.runtime.kv_cache import CacheShape
from dragoman_server.runtime.layout import Layout
from dragoman_server.runtime.prepared import Runners, prepared
from dragoman_server.runtime.pytorch.attention import AttentionSession
from dragoman_server.runtime.pytorch.device_cache import DeviceCache
from dragoman_server.runtime.pytorch.graphs import Graphs, first_line, load_graphs
from dragoman_server.runtime.pytorch.recorded_runner import RecordedRunner, Vocabularies
from dragoman_server.runtime.pytorch.recording import CudaRecorder, Recorder
from dragoman_server.runtime.pytorch.runner import TorchRunner

MOST_PLACES = 512
"""Of the sentence that the graphs are tried with; attention takes the square of it."""

_log = logging.getLogger(__name__)


def choose_provider(requested: str, made_for: Sequence[str]) -> str:
    """See runtimes.Runtime: by whether this torch sees a GPU."""
    has_cuda = torch.cuda.is_available()
    if requested == "cuda" and not has_cuda:
        raise ConfigError(
            f"provider cuda is not there: this torch {torch.__version__} sees no CUDA device. "
            "Install a torch that is built for CUDA on a machine with a GPU, or use provider cpu "
            "or auto"
        )
    chosen = requested
    if requested == "auto":
        chosen = "cuda" if has_cuda and "cuda" in made_for else "cpu"
    if chosen not in made_for:
        reason = (
            "torch sees no CUDA device"
            if requested == "auto"
            else f"provider {requested} is asked for"
        )
        raise ConfigError(f"the bundle is made for {', '.join(made_for)}, and {reason}")
    if (requested, chosen) == ("auto", "cpu"):
        reason = "the bundle is not made for cuda" if has_cuda else "torch sees no CUDA device"
        _log.info(
            "provider_fallback", extra={"requested": requested, "chosen": "cpu", "reason": reason}
        )
    return chosen


def load_runners(
    bundle: Bundle,
    provider: str,
    shape: Callable[[int], CacheShape],
    *,
    cores: int,
    engines: int | None = None,
    threads: int | None = None,
    fixed_shapes: bool = False,
    with_shortlist: bool = False,
) -> Runners:
    """See runtimes.Runtime. Engines are one on cuda, and one a core on cpu, of one thread each."""
    if with_shortlist:
        require_shortlist(bundle.manifest, provider)  # no bundle for torch has one
    layout = _layout(provider, cores=cores, engines=engines, threads=threads)
    device = torch.device(provider)
    graphs = load_graphs(bundle, device)
    each = shape(layout.engines)
    _check_sizes(bundle, graphs, each, device)
    bundle.detach()
    if device.type == "cuda":
        recorders = [CudaRecorder() for _ in range(layout.engines)]
        return recorded_runners(bundle, graphs, each, recorders, device, fixed_shapes=fixed_shapes)
    try:
        made = [
            TorchRunner(graphs, each, threads=layout.threads, fixed_shapes=fixed_shapes)
            for _ in range(layout.engines)
        ]
    except (MemoryError, ValueError) as error:  # the latter where no address is large enough
        needed = layout.engines * each.max_rows * each.row_bytes
        raise ConfigError(
            f"no room for {needed:,} bytes of caches: lower kv_cache_memory, max_batch_size, "
            "engines or the lengths"
        ) from error
    return prepared(bundle, made, each, sum(runner.cache_bytes for runner in made), layout)


def attention_session(bundle: Bundle, provider: str) -> AttentionSession:
    """Loads a bundle's graph of attention weights, with weights of its own.

    Raises:
        BundleError: It cannot be loaded.
    """
    return AttentionSession(bundle, torch.device(provider))


def recorded_runners(
    bundle: Bundle,
    graphs: Graphs,
    shape: CacheShape,
    recorders: Sequence[Recorder],
    device: torch.device,
    *,
    fixed_shapes: bool = False,
) -> Runners:
    """As load_runners, of graphs that are loaded: an engine for each recorder.

    Raises:
        ConfigError: The device has no room.
    """
    sizes = bundle.manifest.architecture
    vocabularies = Vocabularies(
        sizes.source_vocabulary_size or sizes.vocabulary_size, sizes.vocabulary_size
    )
    made = [
        RecordedRunner(
            graphs, shape, vocabularies, recorder, device=device, fixed_shapes=fixed_shapes
        )
        for recorder in recorders
    ]
    cache_bytes = sum(runner.cache_bytes for runner in made)
    return prepared(bundle, made, shape, cache_bytes, Layout(len(made), 1))


def _layout(provider: str, *, cores: int, engines: int | None, threads: int | None) -> Layout:
    if provider == "cuda":
        return Layout(engines or 1, 1)
    threads = threads or 1
    return Layout(engines or max(1, cores // threads), threads)


def _check_sizes(bundle: Bundle, graphs: Graphs, shape: CacheShape, device: torch.device) -> None:
    """Looks the last tokens up, at the last positions that there is room for.

    Raises:
        BundleError: The graphs have fewer than the manifest says.
    """
    sizes = bundle.manifest.architecture
    source_id = (sizes.source_vocabulary_size or sizes.vocabulary_size) - 1
    target_id = sizes.vocabulary_size - 1
    source = min(shape.source_capacity, MOST_PLACES)
    target = min(shape.target_capacity, MOST_PLACES)
    row = shape._replace(max_rows=1, target_capacity=target, source_capacity=1)
    caches = DeviceCache(row, device).views(graphs.cache_names, 1, target, 1)
    last = torch.zeros((1, source), dtype=torch.bool, device=device)
    last[0, -1] = True  # a sentence of one token, at the last place
    shown = torch.ones((1, target), dtype=torch.bool, device=device)
    token, position = torch.tensor([[target_id], [target - 1]], device=device)
    try:
        with torch.inference_mode():
            graphs.encoder(torch.full_like(last, source_id, dtype=torch.int64), last)
            graphs.decoder(token, position, shown, shown[:, :1], *caches)
    except Exception as error:  # torch's exceptions share no other root
        raise BundleError(
            f"{bundle.path}: the graphs do not run tokens {source_id} and {target_id} at positions "
            f"{source - 1} and {target - 1}, which they have by architecture.vocabulary_size and "
            f"max_positions: {first_line(error)}"
        ) from error
