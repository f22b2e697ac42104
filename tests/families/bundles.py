"""Bundles of a checkpoint, exported once for a whole run of the tests."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from dragoman_export.export import export
from dragoman_export.manifest import Precision
from tests.export import tiny
from tests.exports import Exports

PRECISIONS: tuple[Precision, ...] = ("float32", "int8")


def export_both(
    exports: Exports,
    checkpoint: Path,
    source: str | None = None,
    target: str | None = None,
    precisions: Sequence[Precision] = PRECISIONS,
) -> dict[str, Path]:
    """In float32 and int8, from `source` into `target` where the checkpoint does not say it.

    Activation scales are calibrated: to try the others too takes a trace of both graphs more, and
    which are taken does not depend on the family.
    """

    def make(path: Path, precision: Precision) -> None:
        request = tiny.request(checkpoint, path, precision)
        if precision == "int8":
            request = replace(request, activation_scales="calibrated")
        named = replace(request, source_language=source, target_language=target)
        export(named, tiny.no_progress)

    return {
        precision: exports.get(
            f"{checkpoint.name}-{precision}",
            lambda path, precision=precision: make(path, precision),  # type: ignore[misc]
        )
        for precision in precisions
    }
