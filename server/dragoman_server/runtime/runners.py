"""onnxruntime as a Runtime: makes the runners of a bundle's engines, on a CPU or on a GPU.

Knows which kind of runner a provider takes; knows nothing of settings, queues or time.
"""

import logging
from collections.abc import Callable, Sequence

import numpy as np

from dragoman_server.errors import BundleError, ConfigError
from dragoman_server.models import Bundle, require_shortlist
from dragoman_server.runtime import model_runner
from dragoman_server.runtime.attention_runner import AttentionSession
from dragoman_server.runtime.attention_session import load_attention
from dragoman_server.runtime.device import Device, OrtDevice
from dragoman_server.runtime.device_runner import DeviceGraphs, DeviceRunner
from dragoman_server.runtime.kv_cache import CacheShape, KVCache
from dragoman_server.runtime.layout import Layout
from dragoman_server.runtime.model_runner import ModelRunner, Sessions, load_sessions
from dragoman_server.runtime.packing import pack
from dragoman_server.runtime.prepared import Runners, prepared
from dragoman_server.runtime.shortlist import load_shortlist
from dragoman_server.runtime.tuning import load_tuned

_log = logging.getLogger(__name__)


def choose_provider(requested: str, made_for: Sequence[str]) -> str:
    """See Runtime."""
    available = model_runner.available_providers()
    return model_runner.choose_provider(requested, available=available, made_for=made_for)


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
    """See Runtime."""
    if with_shortlist:
        require_shortlist(bundle.manifest, provider)
    if fixed_shapes:
        _log.warning("fixed_batch_shapes_without_effect", extra={"model": bundle.manifest.name})
    if _is_for_device(bundle, provider):
        count = engines or 1
        runners = device_runners(bundle, OrtDevice("cuda"), shape(count), count)
        bundle.detach()
        return runners
    if provider == "cpu":
        shortlist = load_shortlist(bundle) if with_shortlist else None
        layout, sessions = load_tuned(
            bundle, cores=cores, engines=engines, threads=threads, shortlist=shortlist
        )
    else:
        layout, sessions = Layout(engines or 1, 1), load_sessions(bundle, provider)
    _check_sizes(bundle, sessions)
    bundle.detach()
    each = shape(layout.engines)
    caches = _caches(each, layout.engines)
    made = [ModelRunner(sessions, cache) for cache in caches]
    return prepared(bundle, made, each, sum(cache.size_bytes for cache in caches), layout)


def attention_session(bundle: Bundle, provider: str) -> AttentionSession:
    """See Runtime."""
    session: AttentionSession = load_attention(
        bundle, OrtDevice("cuda") if _is_for_device(bundle, provider) else None
    )
    return session


def _is_for_device(bundle: Bundle, provider: str) -> bool:
    """Whether the bundle is made for the provider, which is no CPU."""
    return provider == "cuda" and "cuda" in bundle.manifest.providers


def device_runners(bundle: Bundle, device: Device, shape: CacheShape, count: int) -> Runners:
    """As load_runners, for a bundle that is made for a device.

    Each engine has sessions of its own, weights included: a recording belongs to its session.
    """
    manifest = bundle.manifest
    made = [
        DeviceRunner(
            DeviceGraphs(
                device.load(bundle.path / manifest.encoder.path),
                device.load_recorded(bundle.path / manifest.decoder.path),
                device.load(bundle.path / manifest.copy.path),
            ),
            device,
            shape,
            vocabulary=manifest.architecture.vocabulary_size,
            candidates=manifest.candidate_count,
        )
        for _ in range(count)
    ]
    caches = sum(runner.cache_bytes for runner in made)
    return prepared(bundle, made, shape, caches, Layout(count, 1))


def _check_sizes(bundle: Bundle, sessions: Sessions) -> None:
    """Looks the last token up, at the last position.

    Raises:
        BundleError: The graphs have fewer than the manifest says.
    """
    sizes = bundle.manifest.architecture
    size = sizes.source_vocabulary_size or sizes.vocabulary_size
    token_id, position = size - 1, sizes.max_positions - 1
    last = pack([[token_id]])._replace(positions=np.array([position]))
    try:
        sessions.encoder.run(["cross_key_value"], last._asdict())
    except Exception as error:  # onnxruntime's exceptions share no other root
        raise BundleError(
            f"{bundle.path}: the graphs do not run token {token_id} at position {position}, the "
            f"last by architecture.vocabulary_size and max_positions: {error}"
        ) from error


def _caches(shape: CacheShape, count: int) -> list[KVCache]:
    try:
        return [KVCache(shape) for _ in range(count)]
    except (MemoryError, ValueError) as error:  # the latter where no address is large enough
        needed = count * shape.max_rows * shape.row_bytes
        raise ConfigError(
            f"no room for {needed:,} bytes of caches: lower kv_cache_memory, max_batch_size, "
            "engines or the lengths"
        ) from error
