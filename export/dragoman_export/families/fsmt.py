"""Imports FSMT checkpoints, fairseq's models of WMT19, in Hugging Face's layout.

Source of the architecture: Ng et al. 2019, "Facebook FAIR's WMT19 News Translation Task
Submission", as mapped by transformers' `FSMTForConditionalGeneration`. Post-norm, fairseq's
sinusoidal positions, a vocabulary for each language, an output projection that may be its own.
"""

from collections.abc import Iterator, Mapping

from torch import Tensor

from dragoman.v1.bundle_pb2 import Moses, SpecialTokens
from dragoman_export.checkpoints import (
    TOKENIZER_SETTINGS,
    Checkpoint,
    CheckpointTokenizer,
    Settings,
    read_vocabulary,
    tidied,
)
from dragoman_export.errors import CheckpointError, Problems
from dragoman_export.families import weights
from dragoman_export.families.bart import TIED, plan_with_positions
from dragoman_export.families.bart_settings import (
    LARGEST_SIZE,
    Kin,
    has_ids,
    has_sizes,
    id_problems,
    max_decoding_length,
    plain_settings,
    transformer_config,
)
from dragoman_export.families.bart_tensors import (
    POSITION_TABLES,
    TARGETS,
    Embeddings,
    are_equal,
    native_tensors,
)
from dragoman_export.families.bart_tensors import SOURCES as SOURCE_EMBEDDING
from dragoman_export.families.moses_tokens import (
    MERGES,
    SOURCES,
    Contents,
    moses_tokenizer,
)
from dragoman_export.families.moses_tokens import TARGETS as TARGET_VOCABULARY
from dragoman_export.families.positions import Positions, fairseq_sinusoids
from dragoman_export.families.suppressed import Suppressed, read_suppressed
from dragoman_export.families.weights import Stored
from dragoman_export.model import Blueprint, ImportedModel, OwnLibrary
from dragoman_export.verification import ReferenceTokenizer

FAMILY = "fsmt"

OUTPUT = "model.decoder.output_projection.weight"

OTHER_SIZES = {"src_vocab_size": "vocab_size", "tgt_vocab_size": "decoder_vocab_size"}
"""Names that only this family has for them."""

UNSAID: Settings = {
    "pad_token_id": 1,
    "eos_token_id": 2,
    "decoder_start_token_id": 2,
    "scale_embedding": True,
    "activation_function": "relu",
    "max_length": 200,
    "forced_eos_token_id": 2,
}
"""What a checkpoint means that says nothing."""

TWO = 2


def _stored_or_computed(
    tensors: Mapping[str, Tensor], positions: int, dim: int, settings: Settings
) -> Positions:
    """The rows after the padding token's, as stored: transformers trains them like all else."""
    before = settings["pad_token_id"] + 1
    exact, shape = fairseq_sinusoids(positions, dim, first=before), (before + positions, dim)
    problems, tables = [], []
    for name in POSITION_TABLES:
        table = exact
        if name in tensors and tensors[name].shape != shape:
            problems.append(f"{name} has shape {tuple(tensors[name].shape)}; {shape} is needed")
        elif name in tensors:
            table = tensors[name][before:]
        tables.append(Stored(name, table))
    return Positions(tables[0], tables[1], problems)


FSMT = Kin(
    title="FSMT",
    norm_first=False,
    final_norm=False,
    embedding_norm=False,
    static_positions=True,
    find_positions=_stored_or_computed,
)


def import_fsmt(checkpoint: Checkpoint) -> ImportedModel:
    """Maps an FSMT checkpoint onto the canonical Transformer.

    Raises:
        CheckpointError: With every tokenizer file that is missing, every setting that is not
            supported, every tensor that is missing or misshapen.
    """
    problems = Problems()
    renamed = checkpoint.with_config(_renamed(checkpoint.config))
    settings, found = plain_settings(renamed, FSMT)
    found = [each for each in found if not each.startswith((*OTHER_SIZES.values(),))]
    suppressed, more = read_suppressed(renamed, settings.get("eos_token_id"))
    found += [
        *more,
        *_size_problems(checkpoint.config),
        *id_problems(settings, suppressed.ids),
    ]
    problems.note(f"{checkpoint.path} is not an FSMT checkpoint that can be exported:", found)
    with problems.noted():
        checkpoint.require_fetched()
        sources = read_vocabulary(checkpoint.path, SOURCES, MERGES, TARGET_VOCABULARY)
        targets = read_vocabulary(checkpoint.path, TARGET_VOCABULARY)
        if wrong := [*_language_problems(checkpoint.tokenizer_config)]:
            raise _unusable(checkpoint, wrong)
        if has_ids(settings, suppressed.ids):
            special = SpecialTokens(
                decoder_start_id=settings["decoder_start_token_id"],
                end_id=settings["eos_token_id"],
                suppressed_ids=suppressed.ids,
            )
            with tidied(checkpoint.path, TOKENIZER_SETTINGS if problems else None) as tidy:
                own = ReferenceTokenizer(tidy)
                own.frame(special.end_id)
            vocabularies = sources, targets
            tokenizer = _make_tokenizer(checkpoint, own, special, settings, vocabularies)
    with problems.noted():
        stored = renamed.weights
        if has_sizes(settings):
            blueprint = _build(renamed, settings, suppressed)
    problems.require_none()
    source_language, target_language = checkpoint.tokenizer_config["langs"]
    return ImportedModel(
        family=FAMILY,
        blueprint=blueprint,
        tokenizer=tokenizer,
        decoder_start_id=special.decoder_start_id,
        end_id=special.end_id,
        unknown_id=special.unknown_id,
        suppressed_ids=suppressed.ids,
        suppressed_sequences=suppressed.sequences,
        max_decoding_length=max_decoding_length(renamed, blueprint.config.max_positions),
        weights_sha256=stored.sha256,
        own_library=OwnLibrary(settings["pad_token_id"], TIED),
        source_language=source_language,
        target_language=target_language,
    )


def _renamed(config: Settings) -> Settings:
    """Settings under BART's names, and what goes without saying."""
    said = {name: value for name, value in config.items() if value is not None}
    named = {OTHER_SIZES.get(name, name): value for name, value in said.items()}
    return {**UNSAID, **named, "share_encoder_decoder_embeddings": False}


def _size_problems(config: Settings) -> Iterator[str]:
    for name in OTHER_SIZES:
        value = config.get(name)
        if type(value) is not int or not 1 <= value <= LARGEST_SIZE:
            yield f"{name} is {value!r}; a whole number from 1 to {LARGEST_SIZE} is needed"


def _language_problems(tokenizer_config: Settings) -> Iterator[str]:
    languages = tokenizer_config.get("langs")
    listed = languages if isinstance(languages, list) else []
    if len(listed) != TWO or not all(isinstance(each, str) and each for each in listed):
        yield f"langs is {languages!r} in tokenizer_config.json; two languages are needed"
    if not isinstance(tokenizer_config.get("do_lower_case", False), bool):
        found = tokenizer_config["do_lower_case"]
        yield f"do_lower_case is {found!r} in tokenizer_config.json; true or false is needed"


def _make_tokenizer(
    checkpoint: Checkpoint,
    own: ReferenceTokenizer,
    special: SpecialTokens,
    settings: Settings,
    vocabularies: tuple[Mapping[str, int], Mapping[str, int]],
) -> CheckpointTokenizer:
    """The tokenizer; the unknown token is noted in `special`.

    Raises:
        CheckpointError: Its tokens are not those of the model, or mean other things to each side.
    """
    sources, targets = vocabularies
    named = own.special_ids()
    sizes = (settings["vocab_size"], settings["decoder_vocab_size"])
    problems = [
        *_outside(sources, SOURCES, sizes[0]),
        *_outside(targets, TARGET_VOCABULARY, sizes[1]),
        *(
            f"{name} is {i} in {SOURCES} and {targets.get(name)} in {TARGET_VOCABULARY}; they must "
            "be the same"
            for name, i in named.items()
            if targets.get(name) != i
        ),
        *(
            f"the added token {token.text!r} is not supported"
            for token in own.added_tokens()
            if token.text not in named
        ),
    ]
    if own.unknown_id is None:
        problems.append(f"{SOURCES} has no unknown token")
    if problems:
        raise _unusable(checkpoint, problems)
    special.unknown_id = own.unknown_id or 0
    languages = checkpoint.tokenizer_config["langs"]
    return moses_tokenizer(
        Contents(*(checkpoint.path / name for name in (MERGES, SOURCES, TARGET_VOCABULARY))),
        Moses(
            source_language=languages[0],
            target_language=languages[1],
            normalize_punctuation=True,
            lower_case=checkpoint.tokenizer_config.get("do_lower_case", False),
        ),
        special,
        sources,
        [*named.values(), settings["pad_token_id"]],
    )


def _unusable(checkpoint: Checkpoint, problems: list[str]) -> CheckpointError:
    what = f"the tokenizer of {checkpoint.path} cannot be used:"
    return CheckpointError.listing(what, problems)


def _outside(vocabulary: Mapping[str, int], file: str, size: int) -> Iterator[str]:
    if not all(0 <= i < size for i in vocabulary.values()):
        yield f"{file} has ids outside the model's vocabulary of {size}"


def _build(checkpoint: Checkpoint, settings: Settings, suppressed: Suppressed) -> Blueprint:
    """The model of settings that have sizes.

    Raises:
        CheckpointError: With everything of the weights that does not fit them.
    """
    embeddings = _find_embeddings(checkpoint.tensors, settings)
    config = transformer_config(settings, embeddings, FSMT)
    layers = {name: tensor for name, tensor in checkpoint.tensors.items() if name != OUTPUT}
    tensors = native_tensors(layers, embeddings)
    if embeddings.output == OUTPUT:
        tensors[weights.OUTPUT] = Stored(OUTPUT, checkpoint.tensors[OUTPUT])
    return plan_with_positions(checkpoint, settings, FSMT, config, tensors, suppressed)


def _find_embeddings(tensors: Mapping[str, Tensor], settings: Settings) -> Embeddings:
    """What is there and differs is not tied; what is not there is the decoder's embedding."""

    def is_own(name: str) -> bool:
        targets = tensors.get(TARGETS)
        return name in tensors and (targets is None or not are_equal(tensors[name], targets))

    of_one_size = settings["vocab_size"] == settings["decoder_vocab_size"]
    return Embeddings(
        sources=SOURCE_EMBEDDING if is_own(SOURCE_EMBEDDING) or not of_one_size else TARGETS,
        targets=TARGETS,
        output=OUTPUT if is_own(OUTPUT) else TARGETS,
    )
