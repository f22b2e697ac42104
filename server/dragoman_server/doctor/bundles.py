"""Whether a bundle is whole, can be run here, and how much memory it takes.

Knows in which order a server loads bundles, and what of the memory each may take. Does not load
their graphs.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from dragoman.v1.bundle_pb2 import Manifest
from dragoman_server.config import Config
from dragoman_server.doctor.finding import Finding
from dragoman_server.errors import BundleError, ConfigError, NoRoomError
from dragoman_server.models import Bundle
from dragoman_server.pool import MemoryBudget
from dragoman_server.service import (
    check_room,
    engine_caches,
    file_bytes,
    model_limits,
    most_engines,
)


class Needs(NamedTuple):
    """What a bundle takes of memory."""

    file_bytes: int
    cache_bytes: int
    """Of all engines, once all of their rows have been used for the longest texts."""


class Examined(NamedTuple):
    """A bundle, as far as it could be read."""

    findings: list[Finding]
    needs: Needs | None
    """None where that cannot be said, or there is no room for it."""


def examine_bundles(paths: Sequence[Path], config: Config) -> list[Examined]:
    """Examines bundles in the order in which a server loads them, each of them once.

    What a model may take of the memory is what those before it leave, shared with those after it.
    """
    budget = MemoryBudget.of(config, len(paths))
    examined: dict[str, Examined] = {}
    for number, path in enumerate(paths):
        if (place := os.path.realpath(path)) in examined:
            continue
        taken = [sum(each.needs) for each in examined.values() if each.needs is not None]
        room = budget.share(taken, len(paths) - number)
        examined[place] = examine_bundle(path, config, room)
    return list(examined.values())


def examine_bundle(path: Path, config: Config, memory: int | None = None) -> Examined:
    """Reads a bundle, every file of it, and compares it with the machine and the settings.

    Args:
        path: Where it is.
        config: The settings.
        memory: Bytes that its files and caches may take; None for all that there is.
    """
    check = f"bundle {path}"
    try:
        manifest = Bundle.load(path).manifest
    except BundleError as error:
        advice = "export the model anew, or copy the bundle again, whole"
        return Examined([Finding(check, "problem", str(error), advice)], None)
    size = file_bytes(manifest)
    found = (
        f"{manifest.name}, {manifest.precision}, {len(manifest.files)} files of {_mb(size)} as "
        "they were exported"
    )
    findings = [Finding(check, "ok", found), _provider(manifest, config)]
    try:
        return Examined(findings, Needs(size, _cache_bytes(manifest, config, memory)))
    except NoRoomError as error:
        advice = "raise models_memory, serve fewer models, or lower max_batch_size or the lengths"
        return Examined([*findings, Finding("models_memory", "problem", str(error), advice)], None)
    except ConfigError as error:
        advice = "raise kv_cache_memory, or lower max_batch_size or the two lengths"
        return Examined([*findings, Finding("caches", "problem", str(error), advice)], None)


def _provider(manifest: Manifest, config: Config) -> Finding:
    check = "provider"
    try:
        # It takes a second, and the library may be missing or the wrong one.
        from dragoman_server.runtime.model_runner import (  # noqa: PLC0415
            available_providers,
            choose_provider,
        )

        chosen = choose_provider(
            config.provider, available=available_providers(), made_for=manifest.providers
        )
    except ConfigError as error:
        return Finding(check, "problem", str(error), "see docs/operations.md, On a GPU")
    except ImportError as error:
        advice = "install Dragoman with one of the extras server and gpu, never both"
        return Finding(check, "problem", f"onnxruntime cannot be loaded: {error}", advice)
    if chosen not in manifest.providers:
        found = f"{chosen}, and the bundle is made for {', '.join(manifest.providers)}: slow"
        return Finding(check, "warning", found, "export with --precision float16 for a GPU")
    return Finding(check, "ok", f"{chosen} runs {manifest.name}")


def _cache_bytes(manifest: Manifest, config: Config, memory: int | None) -> int:
    limits, engines = model_limits(manifest, config, memory), most_engines(config)
    shape = engine_caches(manifest, config, limits, engines=engines, memory=memory)
    size = engines * shape.max_rows * shape.row_bytes
    check_room(manifest, size, memory)
    return size


def _mb(size: int) -> str:
    return f"{size / 1e6:,.0f} MB"
