"""What a bundle says of itself."""

from dataclasses import asdict
from importlib import metadata
from pathlib import Path
from typing import Literal

from dragoman.v1 import bundle_pb2
from dragoman_export.alignment import AlignmentHeads
from dragoman_export.checkpoints import model_name
from dragoman_export.drafts import Draft
from dragoman_export.errors import UsageError
from dragoman_export.families import Languages
from dragoman_export.graphs import (
    LISTED,
    ONNX_CUDA,
    GraphContract,
    GraphTensor,
    attention_contract,
    copy_graph,
    listed_decoder_contract,
)
from dragoman_export.model import ImportedModel
from dragoman_export.network import CANDIDATES, TransformerConfig
from dragoman_export.shortlist import (
    BIASES,
    FREQUENT,
    OFFSETS,
    SCALES,
    TOKENS,
    WEIGHTS,
    ShortlistReport,
)

FORMAT_VERSION = 7

LISTED_FORMAT_VERSION = 8
"""Of bundles with lists, which older servers cannot read."""

TOKENIZER_DIRECTORY = "tokenizer"

TOOLS = ("dragoman", "onnx", "onnxruntime", "onnxscript", "torch", "transformers")

Precision = Literal["float32", "float16", "bfloat16", "int8"]


def require_name(name: str) -> None:
    """Raises UsageError unless a model may be called `name`: it is shown, logged and asked for."""
    if not name.isprintable() or not name.strip():
        raise UsageError(
            f"{name!r} cannot be a model's name: it must be printable text; give --name another"
        )


def describe(
    *,
    name: str,
    languages: Languages,
    precision: Precision,
    draft: Draft,
    checkpoint: Path,
    model: ImportedModel,
    alignment_heads: AlignmentHeads | None = None,
    shortlist: ShortlistReport | None = None,
) -> bundle_pb2.Manifest:
    """The manifest, but for the list of files; without heads there is no graph of attention.

    Without a report there is no shortlist.
    """
    config, graph_format = draft.config, draft.graph_format
    manifest = bundle_pb2.Manifest(
        format_version=FORMAT_VERSION,
        name=name,
        architecture=_architecture(model.family, config),
        source_languages=[
            bundle_pb2.SourceLanguage(
                language_code=code, prefix_ids=source.prefix_ids, suffix_ids=source.suffix_ids
            )
            for code, source in languages.sources.items()
        ],
        target_languages=[
            bundle_pb2.TargetLanguage(
                language_code=code,
                source_prefix_ids=target.source_prefix_ids,
                target_prefix_ids=target.target_prefix_ids,
            )
            for code, target in languages.targets.items()
        ],
        special_tokens=bundle_pb2.SpecialTokens(
            decoder_start_id=model.decoder_start_id,
            end_id=model.end_id,
            unknown_id=model.unknown_id,
            suppressed_ids=model.suppressed_ids,
            suppressed_sequences=[
                bundle_pb2.TokenSequence(ids=ids) for ids in model.suppressed_sequences
            ],
        ),
        decoding_defaults=bundle_pb2.DecodingDefaults(
            max_decoding_length=model.max_decoding_length
        ),
        precision=precision,
        format=graph_format.name,
        providers=graph_format.providers,
        encoder=_graph(graph_format.file("encoder"), graph_format.encoder_contract(config)),
        decoder=_graph(graph_format.file("decoder"), graph_format.decoder_contract(config)),
        tokenizer=model.tokenizer.describe(TOKENIZER_DIRECTORY),
        provenance=_provenance(checkpoint, model),
        activation_scales=draft.activation_scales or "",
        parity=bundle_pb2.ParityReport(**asdict(draft.parity), measured_with=draft.measured_with),
    )
    if graph_format is ONNX_CUDA:
        manifest.copy.CopyFrom(_graph(copy_graph.COPY, copy_graph.CONTRACT))
        manifest.candidate_count = CANDIDATES
    if alignment_heads is not None:
        manifest.attention.CopyFrom(
            _graph(graph_format.file("attention"), attention_contract(config))
        )
        heads = bundle_pb2.AlignmentHeads(**alignment_heads._asdict())
        manifest.alignment_heads.CopyFrom(heads)
    if shortlist is not None:
        manifest.format_version = LISTED_FORMAT_VERSION
        manifest.shortlist.CopyFrom(_shortlist(shortlist, config))
    return manifest


def _shortlist(report: ShortlistReport, config: TransformerConfig) -> bundle_pb2.Shortlist:
    return bundle_pb2.Shortlist(
        decoder=_graph(LISTED, listed_decoder_contract(config)),
        weights_path=WEIGHTS,
        scales_path=SCALES,
        biases_path=BIASES,
        offsets_path=OFFSETS,
        tokens_path=TOKENS,
        frequent_path=FREQUENT,
        report=bundle_pb2.ShortlistReport(**report._asdict()),
    )


def _architecture(family: str, config: TransformerConfig) -> bundle_pb2.Architecture:
    return bundle_pb2.Architecture(
        family=family,
        encoder_layers=config.encoder_layers,
        decoder_layers=config.decoder_layers,
        model_dim=config.model_dim,
        encoder_heads=config.encoder_heads,
        decoder_heads=config.decoder_heads,
        head_dim=config.decoder_head_dim,
        vocabulary_size=config.vocabulary_size,
        max_positions=config.max_positions,
        source_vocabulary_size=config.source_vocabulary_size or 0,
    )


def _graph(path: str, contract: GraphContract) -> bundle_pb2.Graph:
    return bundle_pb2.Graph(
        path=path,
        inputs=[_tensor(tensor) for tensor in contract.inputs],
        outputs=[_tensor(tensor) for tensor in contract.outputs],
    )


def _tensor(tensor: GraphTensor) -> bundle_pb2.TensorSpec:
    return bundle_pb2.TensorSpec(
        name=tensor.name, data_type=tensor.data_type, shape=[str(size) for size in tensor.shape]
    )


def _provenance(checkpoint: Path, model: ImportedModel) -> bundle_pb2.Provenance:
    return bundle_pb2.Provenance(
        checkpoint=model_name(checkpoint),
        weights_sha256=model.weights_sha256,
        tool_versions={tool: metadata.version(tool) for tool in TOOLS},
    )
