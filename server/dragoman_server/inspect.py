"""`dragoman inspect`: verifies a bundle and shows what is in it.

Knows the manifest and how to print it. Does not load the graphs.
"""

import argparse
import re
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from google.protobuf import json_format
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from dragoman.v1.bundle_pb2 import (
    Architecture,
    Graph,
    Manifest,
    ParityReport,
    Provenance,
    TensorSpec,
)
from dragoman_server.errors import BundleError
from dragoman_server.models import Bundle, format_of

BAD_BUNDLE = 2


def main(argv: Sequence[str]) -> int:
    """Prints a summary, or the manifest as JSON; returns 2 where the bundle is not good."""
    parser = argparse.ArgumentParser(
        prog="dragoman inspect",
        description="Verifies a model bundle, every file's SHA-256 included, and shows what is "
        "in it.",
    )
    parser.add_argument("directory", type=Path, help="the bundle")
    parser.add_argument("--json", action="store_true", help="print the manifest as JSON")
    arguments = parser.parse_args(argv)
    try:
        manifest = Bundle.load(arguments.directory).manifest
    except BundleError as error:
        print(f"dragoman inspect: {error}", file=sys.stderr)
        return BAD_BUNDLE
    if arguments.json:
        print(json_format.MessageToJson(manifest, ensure_ascii=False))
    else:
        print(_tables(manifest), end="")
    return 0


def _tables(manifest: Manifest) -> str:
    """As standard output shows them. rich prints nothing itself: a closed pipe is an exit to it."""
    console = Console()
    with console.capture() as shown:
        console.print(_table("model", _model_rows(manifest)))
        console.print(_graphs(manifest))
        console.print(_files(manifest))
        console.print(_table("provenance", _provenance_rows(manifest.provenance)))
        console.print(_table("parity with the checkpoint", _parity_rows(manifest.parity)))
    return shown.get()


def _model_rows(manifest: Manifest) -> list[tuple[str, str]]:
    return [
        ("name", manifest.name),
        ("family", manifest.architecture.family),
        ("sizes", _sizes(manifest.architecture)),
        ("from", ", ".join(each.language_code for each in manifest.source_languages)),
        ("into", ", ".join(each.language_code for each in manifest.target_languages)),
        ("format", format_of(manifest)),
        ("precision", _precision(manifest)),
        ("providers", ", ".join(manifest.providers)),
        ("positions", f"{manifest.architecture.max_positions} tokens"),
        ("default length", f"{manifest.decoding_defaults.max_decoding_length} target tokens"),
        ("format version", str(manifest.format_version)),
        ("alignment", _alignment(manifest)),
        ("confidence", _confidence(manifest)),
        ("shortlist", _shortlist(manifest)),
    ]


def _alignment(manifest: Manifest) -> str:
    """Where words are aligned by, and how that was found out."""
    if not manifest.HasField("attention"):
        return "none: there is no graph of attention weights"
    chosen = manifest.alignment_heads
    what = "error rate" if chosen.chosen_by == "gold" else "agreement"
    heads = ", ".join(map(str, chosen.heads))
    when = "after" if chosen.after_token else "before"
    return (
        f"decoder layer {chosen.layer}, heads {heads}, {when} a token is said; chosen by "
        f"{chosen.chosen_by}, {what} {chosen.figure:.3f}"
    )


def _confidence(manifest: Manifest) -> str:
    """What it was calibrated on, and what that is worth."""
    if not manifest.HasField("calibration"):
        return "none: dragoman calibrate has not been run"
    report = manifest.calibration.report
    return (
        f"calibrated on {report.pair_count:,} sentences, error {report.sentence_error:.3f}, of "
        f"words {report.word_error:.3f}; rank correlation with chrF {report.rank_correlation:.2f}"
    )


def _precision(manifest: Manifest) -> str:
    scales = manifest.activation_scales
    return f"{manifest.precision}, activation scales {scales}" if scales else manifest.precision


def _sizes(sizes: Architecture) -> str:
    return (
        f"{sizes.encoder_layers} encoder and {sizes.decoder_layers} decoder layers, "
        f"width {sizes.model_dim}, {sizes.decoder_heads} heads of {sizes.head_dim}, "
        f"{sizes.vocabulary_size:,} tokens"
    )


def _provenance_rows(provenance: Provenance) -> list[tuple[str, str]]:
    return [
        ("checkpoint", provenance.checkpoint),
        ("weights sha256", provenance.weights_sha256),
        *sorted(provenance.tool_versions.items()),
    ]


def _parity_rows(parity: ParityReport) -> list[tuple[str, str]]:
    return [
        ("sentences", f"{parity.sentence_count:,}"),
        ("different", f"{parity.different_count:,}, {parity.tie_count:,} of them ties"),
        ("tokens", f"{parity.token_count:,}"),
        ("largest log-probability difference", f"{parity.max_log_prob_difference:.2e}"),
        ("mean log-probability difference", f"{parity.mean_log_prob_difference:.2e}"),
        ("measured with", parity.measured_with or "onnxruntime"),
    ]


def _shortlist(manifest: Manifest) -> str:
    """What keeping to it changes."""
    if not manifest.HasField("shortlist"):
        return "none"
    report = manifest.shortlist.report
    return (
        f"of {report.trained_count:,} sentences; of others {report.identical_count:,} of "
        f"{report.sentence_count:,} translations are the same, of {report.mean_tokens:,.0f} tokens "
        "a list in the mean"
    )


def _table(title: str, rows: Iterable[tuple[str, str]]) -> Table:
    table = Table(title=title, title_justify="left", show_header=False)
    for name, value in rows:
        table.add_row(name, escape(value))
    return table


def _graphs(manifest: Manifest) -> Table:
    table = Table(title="graphs", title_justify="left")
    for heading in ("graph", "direction", "name", "type", "shape"):
        table.add_column(heading, overflow="fold")
    for name, graph in (
        ("encoder", manifest.encoder),
        ("decoder", manifest.decoder),
        ("copy", manifest.copy),
        ("attention", manifest.attention),
    ):
        _add_tensors(table, name, graph)
        table.add_section()
    return table


def _add_tensors(table: Table, name: str, graph: Graph) -> None:
    for direction, tensors in (("input", graph.inputs), ("output", graph.outputs)):
        for (tensor, data_type, shape), count in Counter(map(_of_all_layers, tensors)).items():
            shown = tensor.replace("LAYER", f"{{0..{count - 1}}}")
            table.add_row(name, direction, escape(shown), data_type, f"({shape})")


def _of_all_layers(tensor: TensorSpec) -> tuple[str, str, str]:
    """Name with LAYER for its layer's number, type and shape: one for the caches of all layers."""
    name = re.sub(r"_\d+(?=_out$|$)", "_LAYER", tensor.name)
    return name, tensor.data_type, ", ".join(tensor.shape)


def _files(manifest: Manifest) -> Table:
    table = Table("file", title="files", title_justify="left")
    table.add_column("bytes", justify="right")
    table.add_column("sha256", overflow="fold")
    table.add_column("verified")
    for file in manifest.files:
        table.add_row(escape(file.path), f"{file.size_bytes:,}", file.sha256[:16] + "…", "ok")
    return table
