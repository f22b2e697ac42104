"""Turns a checkpoint into a bundle: load, quantise, trace, verify, save."""

import gc
import itertools
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from dragoman.v1 import bundle_pb2
from dragoman_export import bundle, manifest
from dragoman_export.alignment import (
    AlignmentHeads,
    GoldPair,
    choose_by_gold,
    choose_by_model_1,
    read_gold,
)
from dragoman_export.checkpoints import model_name, reading, tidied
from dragoman_export.drafts import Draft, ScaleChoice
from dragoman_export.errors import UsageError
from dragoman_export.families import Languages, find_languages, import_model
from dragoman_export.graphs import ONNX_CPU, PLAIN, FormatName, GraphFormat, least_bytes
from dragoman_export.manifest import Precision, require_name
from dragoman_export.memory import return_large_blocks
from dragoman_export.model import (
    UNTOLD_TARGET,
    ImportedModel,
    OwnLibrary,
    OwnModules,
    Prompt,
)
from dragoman_export.output import require_room
from dragoman_export.precision.screen import copy_bytes
from dragoman_export.sentences import SCRIPTS
from dragoman_export.shortlist import make_shortlist, require_sentences
from dragoman_export.verification import (
    AttentionGraph,
    Done,
    EagerDecoder,
    ModuleDecoder,
    ReferenceDecoder,
    ReferenceTokenizer,
    Said,
    attention_graph,
    listen,
    require_close,
    require_same,
    require_same_texts,
    require_same_tokens,
)
from dragoman_export.workbench import Stage, Workbench

SIMPLE = "a"
"""A text that every tokenizer has something to make of."""


@dataclass(frozen=True, kw_only=True)
class ExportRequest:
    """What to export and where to."""

    checkpoint: Path

    output: Path
    """Directory of the bundle."""

    precision: Precision

    format: FormatName = "onnx"
    """Of the graphs."""

    sentences: Sequence[str]
    """Verified on these."""

    verify_sentences: int | None = None
    """On so many of them, spread over all; None is all."""

    source_prefix: str | None = None
    """Text before every source, for models that are told so what to do: "translate English to
    German: "."""

    name: str | None = None
    """Of the model; None takes the checkpoint's, see `checkpoints.model_name`."""

    source_language: str | None = None
    """Language code; None takes the checkpoint's."""

    target_language: str | None = None
    """Likewise; one of several takes that one alone."""

    activation_scales: ScaleChoice = "auto"
    """How int8 activations are scaled."""

    attention: bool = True
    """Whether the bundle has the graph of attention weights."""

    alignment_gold: Path | None = None
    """File of alignments made by people, to choose heads by; see `alignment.gold`."""

    shortlist: Sequence[str] | None = None
    """Sentences to make lists of, of what each sentence's translation may choose among; None makes
    no lists."""

    force: bool = False
    """Replace the bundle that lies at `output`."""

    @property
    def graph_format(self) -> GraphFormat:
        """Of the graphs that are verified on the CPU."""
        return PLAIN.get(self.format, ONNX_CPU)

    def least_bytes(self, model: ImportedModel, precision: Precision) -> int:
        """That the bundle takes in some precision."""
        config = model.config
        screened = precision == "float32" and self.graph_format is ONNX_CPU
        screen = copy_bytes(config) if screened else 0
        listed = (
            config.padded_vocabulary_size * config.model_dim if self.shortlist is not None else 0
        )
        return (
            screen
            + listed
            + least_bytes(
                self.graph_format,
                config,
                model.blueprint.parameters,
                precision,
                with_attention=self.attention,
            )
        )

    def require_possible(self) -> None:
        """Raises UsageError where two of these do not go together."""
        if self.precision == "int8" and self.format in PLAIN:
            raise UsageError(
                f"--format {self.format} goes with --precision float32, float16 or bfloat16, and "
                "not with int8, which --format onnx has"
            )
        if self.precision != "int8" and self.activation_scales != "auto":
            raise UsageError("--activation-scales goes with --precision int8")
        if self.alignment_gold is not None and not self.attention:
            raise UsageError("--alignment-gold does not go with --no-attention")
        if self.shortlist is not None and self.precision != "int8":
            raise UsageError(
                f"--shortlist goes with --precision int8, and not with {self.precision}"
            )


def export(
    request: ExportRequest, stage: Stage, done: Done = lambda _: None
) -> bundle_pb2.Manifest:
    """Writes a bundle and returns its manifest.

    Args:
        request: What to export and where to.
        stage: Told of each stage.
        done: Told how far a stage is, while it lasts.

    Raises:
        ExportError: Nothing was written; the message says why.
    """
    request.require_possible()
    name = request.name if request.name is not None else model_name(request.checkpoint)
    require_name(name)
    return_large_blocks()
    with bundle.staged(
        request.output, checkpoint=request.checkpoint, force=request.force
    ) as directory:
        return _write(request, name, directory, stage, done)


def load(request: ExportRequest) -> tuple[ImportedModel, Languages]:
    """The model, not filled yet, and the languages that a bundle of it translates.

    Raises:
        ExportError: The checkpoint cannot be exported, or not with these languages.
    """
    with reading(request.checkpoint):
        model = import_model(request.checkpoint)
    if request.source_prefix is not None:
        model = _with_prefix(model, request.source_prefix)
    languages = find_languages(model, request.source_language, request.target_language)
    if request.shortlist is not None and len(languages.targets) > 1:
        raise UsageError(
            "--shortlist goes with one language of the target: choose it with --target-language, "
            f"of {', '.join(sorted(languages.targets))}"
        )
    return _started(model, languages), languages


def _started(model: ImportedModel, languages: Languages) -> ImportedModel:
    """The model with the start token of its target, where targets have one each."""
    starts = {code: target.start_id for code, target in languages.targets.items()}
    ids = {start_id for start_id in starts.values() if start_id is not None}
    if len(ids) > 1:
        raise UsageError(
            "the decoder starts with the language of the target, and that of a bundle with one: "
            f"choose it with --target-language, of {', '.join(sorted(starts))}"
        )
    return replace(model, decoder_start_id=ids.pop()) if ids else model


def _with_prefix(model: ImportedModel, prefix: str) -> ImportedModel:
    """The same with text before every source, whatever it was told before."""
    prefix_ids = model.tokenizer.encode_target(prefix.strip())
    together = model.tokenizer.encode_target(f"{prefix.strip()} {SIMPLE}")
    if together != [*prefix_ids, *model.tokenizer.encode_target(SIMPLE)]:
        raise UsageError(f"--source-prefix {prefix!r} and a text after it are cut as one")
    target = model.any_target._replace(source_prefix_ids=tuple(prefix_ids))
    return replace(model, targets=(), default_target=None, any_target=target)


def _write(
    request: ExportRequest, name: str, directory: Path, stage: Stage, done: Done
) -> bundle_pb2.Manifest:
    gold = None if request.alignment_gold is None else read_gold(request.alignment_gold)
    with stage("load"):
        model, languages = load(request)
    for remark in filter(None, (*languages.remarks, request.graph_format.remark)):
        with stage(remark):
            pass
    require_room(directory, request.least_bytes(model, request.precision))
    to_list = _to_list(request, model, languages)
    said = _said(request, model, languages, stage, done)
    with tempfile.TemporaryDirectory(dir=directory) as attempts:
        bench = Workbench(
            model,
            said,
            Path(attempts),
            stage,
            done,
            request.attention,
            request.graph_format,
            bool(to_list),
        )
        draft = _draft(request, bench)
        shortlist = None
        if to_list:
            with stage(f"translate {len(to_list)} sentences for lists"):
                shortlist = make_shortlist(draft.directory, model, to_list, done)
        heads = None
        if request.attention:
            with stage("choose the heads that align"):
                place = draft.stand_in or draft.directory
                graph = attention_graph(place, draft.graph_format, draft.config)
                heads = _alignment_heads(model, languages, said, gold, graph)
        draft.move(directory)
    model.tokenizer.save(directory / manifest.TOKENIZER_DIRECTORY)
    description = manifest.describe(
        name=name,
        languages=languages,
        precision=request.precision,
        draft=draft,
        checkpoint=request.checkpoint,
        model=model,
        alignment_heads=heads,
        shortlist=shortlist,
    )
    with stage("save"):
        bundle.write_manifest(description, directory)
    return description


def _to_list(request: ExportRequest, model: ImportedModel, languages: Languages) -> list[Prompt]:
    """The sentences to make lists of, as the server would give them; all sources in turn."""
    if request.shortlist is None:
        return []
    (target,) = languages.targets.values()
    sources = itertools.cycle(languages.sources.values())
    prompts = [model.prompt(each, next(sources), target) for each in request.shortlist]
    require_sentences(prompts, model.config.max_positions)
    return prompts


def _alignment_heads(
    model: ImportedModel,
    languages: Languages,
    said: list[Said],
    gold: Sequence[GoldPair] | None,
    graph: AttentionGraph,
) -> AlignmentHeads:
    """The heads of a graph of attention weights that tell what stands for what."""
    if gold is None:
        return choose_by_model_1(graph, model, said)
    source = next(iter(languages.sources.values()))
    target = next(iter(languages.targets.values()))
    return choose_by_gold(graph, model, gold, source, target)


def _said(
    request: ExportRequest,
    model: ImportedModel,
    languages: Languages,
    stage: Stage,
    done: Done,
) -> list[Said]:
    """What the checkpoint's own implementation says of the sentences to verify on.

    Where there is none, it is what the modules say that are to be traced.

    Raises:
        VerificationError: Its tokenizer makes other tokens of a text, or another text of tokens.
    """
    prompts = _prompts(request, model, languages)
    if not isinstance(model.own_library, OwnLibrary):
        with stage(f"translate {len(prompts)} sentences in PyTorch"):
            decoder = _module_decoder(model, model.own_library)
            return listen(decoder, prompts, model.max_decoding_length, done)
    with reading(request.checkpoint), tidied(request.checkpoint) as tidy:
        own = ReferenceTokenizer(tidy, model.tokenizer.control_names)
        _compare_tokens(own, model, [*request.sentences, *SCRIPTS, *model.tokenizer.probes])
        with stage(f"translate {len(prompts)} sentences in PyTorch"):
            reference = _reference(tidy, model, model.own_library)
            said = listen(reference, prompts, model.max_decoding_length, done)
            del reference
            gc.collect()  # it refers to itself, and is as large as all that is to come
        require_same_texts(own, model.tokenizer, [hypothesis.token_ids for _, hypothesis in said])
    return said


def _module_decoder(model: ImportedModel, own: OwnModules | None) -> EagerDecoder | ModuleDecoder:
    """Of a model that transformers does not have."""
    if own is None:
        return EagerDecoder(model)
    return ModuleDecoder(own.build(), model.decoder_start_id, model.end_id, model.suppressed_ids)


def _prompts(request: ExportRequest, model: ImportedModel, languages: Languages) -> list[Prompt]:
    """The sentences to verify on as the server would give them; all languages in turn."""
    sources = itertools.cycle(languages.sources.values())
    targets = itertools.cycle(languages.targets.values())
    sentences = request.sentences
    if request.verify_sentences is not None:
        sentences = sentences[:: max(1, len(sentences) // max(1, request.verify_sentences))]
        sentences = sentences[: request.verify_sentences]
    prompts = [model.prompt(each, next(sources), next(targets)) for each in sentences]
    longest = max((len(prompt.source_ids) for prompt in prompts), default=0)
    most = model.config.max_positions
    if not prompts or longest > most:
        raise UsageError(f"sentences to verify on: 1 or more, of at most {most} tokens")
    return prompts


def _compare_tokens(own: ReferenceTokenizer, model: ImportedModel, texts: Sequence[str]) -> None:
    """Compares tokens, those that tell a source language among them; all languages in turn."""
    sources = itertools.cycle(model.sources or [model.any_source])
    for text in itertools.islice(itertools.cycle(texts), max(len(texts), len(model.sources))):
        source = next(sources)
        language = own.source_code(source.token) if source.token else None
        if (expected := own.encode(text, language)) is not None:
            require_same_tokens(
                text, expected, model.prompt(text, source, UNTOLD_TARGET).source_ids
            )


def _reference(checkpoint: Path, model: ImportedModel, library: OwnLibrary) -> ReferenceDecoder:
    return ReferenceDecoder(
        checkpoint, library.pad_id, model.end_id, model.decoder_start_id, library.settings
    )


def _draft(request: ExportRequest, bench: Workbench) -> Draft:
    """The graphs to save. Float32 ones may lose nothing, others little.

    Raises:
        VerificationError: They lose more.
    """
    draft = _attempt(request, bench)
    if request.precision == "float32":
        require_same(draft.parity)
    else:
        require_close(draft.parity, request.precision)
    return draft


def _attempt(request: ExportRequest, bench: Workbench) -> Draft:
    precision = request.precision
    if precision == "int8":
        if request.activation_scales == "auto":
            return bench.better(bench.int8("calibrated"), bench.int8("per_row"))
        return bench.int8(request.activation_scales)
    if request.format in PLAIN:
        return bench.plain(precision)
    return bench.float32() if precision == "float32" else bench.half(precision)
