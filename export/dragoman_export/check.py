"""`dragoman export --check`: what a folder is, and what would come of it, in seconds.

Nothing is written, and no model is filled: whatever hinders is found by names, shapes and settings.
"""

from collections.abc import Iterable

from dragoman_export.export import ExportRequest, load
from dragoman_export.families import Languages
from dragoman_export.graphs import PLAIN
from dragoman_export.manifest import Precision
from dragoman_export.model import ImportedModel
from dragoman_export.network import TransformerConfig

MOST_LISTED = 12


def describe(request: ExportRequest) -> str:
    """A few lines about the checkpoint.

    Raises:
        ExportError: It cannot be exported; with everything that hinders.
    """
    request.require_possible()
    model, languages = load(request)
    made = request.graph_format
    rows = [
        ("family", model.family),
        ("sizes", _sizes(model.config)),
        ("parameters", f"{model.blueprint.parameters:,}"),
        ("from", _listed(languages.sources)),
        ("into", _listed(languages.targets)),
        ("told", _told(languages)),
        ("texts", f"up to {model.config.max_positions:,} tokens"),
        ("tokenizer", model.tokenizer.describe("").kind),
        ("verified with", _verified(model)),
        ("format", f"{made.name}, for {_listed(made.providers)}"),
        ("bundle", _bundle(request, model)),
        *(("remark", remark) for remark in (*languages.remarks, made.remark) if remark),
    ]
    width = max(len(name) for name, _ in rows)
    return "\n".join(f"{name:{width}}  {value}" for name, value in rows)


def _sizes(config: TransformerConfig) -> str:
    own = config.source_vocabulary_size
    sources = f", {own:,} of sources" if own is not None else ""
    return (
        f"{config.encoder_layers} encoder and {config.decoder_layers} decoder layers, width "
        f"{config.model_dim:,}, {config.vocabulary_size:,} tokens{sources}"
    )


def _listed(codes: Iterable[str]) -> str:
    known = list(codes)
    more = f" and {len(known) - MOST_LISTED} more" if len(known) > MOST_LISTED else ""
    return ", ".join(known[:MOST_LISTED]) + more


def _told(languages: Languages) -> str:
    source = any(each.prefix_ids or each.suffix_ids for each in languages.sources.values())
    before = any(each.source_prefix_ids for each in languages.targets.values())
    begun = any(each.target_prefix_ids for each in languages.targets.values())
    ways = (
        (source, "the source language beside the source"),
        (before, "the target language before the source"),
        (begun, "the target language by what the translation begins with"),
    )
    return ", ".join(way for is_so, way in ways if is_so) or "no languages"


def _verified(model: ImportedModel) -> str:
    return "the modules that are traced" if model.own_library is None else model.own_library.title


def _bundle(request: ExportRequest, model: ImportedModel) -> str:
    least: Precision = "float16" if request.format in PLAIN else "int8"
    whole, part = (request.least_bytes(model, each) / 1e6 for each in ("float32", least))
    return f"{whole:,.0f} MB in float32, from {part:,.0f} MB on in {least}"
