"""Whether a bundle is whole, can be run here, and how much memory it takes.

Knows one bundle at a time. Does not load its graphs.
"""

from pathlib import Path
from typing import NamedTuple

from dragoman.v1.bundle_pb2 import Manifest
from dragoman_server.config import Config
from dragoman_server.doctor.finding import Finding
from dragoman_server.errors import BundleError, ConfigError
from dragoman_server.models import Bundle
from dragoman_server.service import engine_caches, file_bytes, model_limits, most_engines


class Needs(NamedTuple):
    """What a bundle takes of memory."""

    file_bytes: int
    cache_bytes: int
    """Of all engines, once all of their rows have been used for the longest texts."""


class Examined(NamedTuple):
    """A bundle, as far as it could be read."""

    findings: list[Finding]
    needs: Needs | None
    """None where that cannot be said."""


def examine_bundle(path: Path, config: Config) -> Examined:
    """Reads a bundle, every file of it, and compares it with the machine and the settings."""
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
        return Examined(findings, Needs(size, _cache_bytes(manifest, config)))
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


def _cache_bytes(manifest: Manifest, config: Config) -> int:
    limits, engines = model_limits(manifest, config), most_engines(config)
    shape = engine_caches(manifest, config, limits, engines=engines)
    return engines * shape.max_rows * shape.row_bytes


def _mb(size: int) -> str:
    return f"{size / 1e6:,.0f} MB"
