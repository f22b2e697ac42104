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
from dragoman_server.models import Bundle, RuntimeName, format_of, require_shortlist, runtime_of
from dragoman_server.pool import MemoryBudget
from dragoman_server.runtime.runtimes import Chosen, choose
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
    runtime: RuntimeName = "onnxruntime"

    @property
    def bytes(self) -> int:
        """Of files and caches."""
        return self.file_bytes + self.cache_bytes


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
        taken = [each.needs.bytes for each in examined.values() if each.needs is not None]
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
        f"{manifest.name}, {format_of(manifest)}, {manifest.precision}, {len(manifest.files)} "
        f"files of {_mb(size)} as they were exported"
    )
    chosen = _chosen(manifest, config)
    findings = [Finding(check, "ok", found), _provider(manifest, chosen)]
    provider = _likely(manifest, config) if isinstance(chosen, ConfigError) else chosen.provider
    if config.shortlist:
        findings.append(_shortlist(manifest, provider))
    try:
        caches = _cache_bytes(manifest, config, memory, provider)
        return Examined(findings, Needs(size, caches, runtime_of(manifest)))
    except NoRoomError as error:
        advice = "raise models_memory, serve fewer models, or lower max_batch_size or the lengths"
        return Examined([*findings, Finding("models_memory", "problem", str(error), advice)], None)
    except ConfigError as error:
        advice = "raise kv_cache_memory, or lower max_batch_size or the two lengths"
        return Examined([*findings, Finding("caches", "problem", str(error), advice)], None)


def _chosen(manifest: Manifest, config: Config) -> Chosen | ConfigError:
    """Returns what runs the bundle here, or why nothing does. To load the library takes seconds."""
    try:
        return choose(manifest, config.runtime, config.provider)
    except ConfigError as error:
        return error


def _provider(manifest: Manifest, chosen: Chosen | ConfigError) -> Finding:
    check = "provider"
    if isinstance(chosen, ConfigError):
        advice = "see docs/operations.md, With PyTorch and On a GPU"
        return Finding(check, "problem", str(chosen), advice)
    provider = chosen.provider
    if provider not in manifest.providers:
        found = f"{provider}, and the bundle is made for {', '.join(manifest.providers)}: slow"
        return Finding(check, "warning", found, "export with --precision float16 for a GPU")
    return Finding(check, "ok", f"{chosen.name} runs {manifest.name} on {provider}")


def _shortlist(manifest: Manifest, provider: str) -> Finding:
    try:
        require_shortlist(manifest, provider)
    except ConfigError as error:
        return Finding("shortlist", "problem", str(error), "see docs/operations.md, Shortlists")
    report = manifest.shortlist.report
    return Finding(
        "shortlist",
        "ok",
        f"{report.identical_count:,} of {report.sentence_count:,} translations are as without",
    )


def _likely(manifest: Manifest, config: Config) -> str:
    """Where it would run if all were there: whoever is told what is missing may get it."""
    if config.provider != "auto":
        return config.provider
    return "cpu" if "cpu" in manifest.providers else "cuda"


def _cache_bytes(manifest: Manifest, config: Config, memory: int | None, provider: str) -> int:
    engines = most_engines(config, provider)
    limits = model_limits(manifest, config, memory, provider=provider)
    shape = engine_caches(
        manifest, config, limits, engines=engines, memory=memory, provider=provider
    )
    size = engines * shape.max_rows * shape.row_bytes
    check_room(manifest, size, memory)
    return size


def _mb(size: int) -> str:
    return f"{size / 1e6:,.0f} MB"
