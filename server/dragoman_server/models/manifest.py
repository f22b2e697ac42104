"""Says what is wrong with a manifest: the field, what it has, what is allowed.

Looks at the manifest alone, before anything that it names is opened. Does not know files or graphs.
"""

import math
import re
from collections.abc import Collection, Iterable, Iterator
from pathlib import PurePosixPath

from dragoman.v1.bundle_pb2 import Graph, Manifest, TensorSpec
from dragoman_server.models.calibration import problems_of_calibration
from dragoman_server.models.formats import format_of, problems_of_format
from dragoman_server.models.shortlist import paths_of, problems_of_shortlist

MOST_LAYERS, MOST_HEADS, MOST_WIDTH = 1_000, 1_024, 65_536
MOST_TOKENS = 10_000_000
MOST_POSITIONS = 65_536
"""Caches have room for as many, in each row."""
LONGEST_NAME = 256
LONGEST_CODE = 35
"""Characters that BCP 47 advises to have room for in a language code."""
MOST_DIMENSION = 2**31 - 1

PRECISIONS = ("float32", "float16", "bfloat16", "int8")
SCALES = ("calibrated", "per_row")
PROVIDERS = ("cpu", "cuda")
TOKENIZER_KINDS = ("sentencepiece", "tokenizers", "bytes", "moses")
DATA_TYPES = ("float", "float16", "bfloat16", "int8", "uint8", "int32", "int64", "bool")
CACHE_TYPES = ("float", "float16", "bfloat16", "int8")

_SHA256 = re.compile(r"[0-9a-f]{64}")
_DIMENSION = re.compile(r"[A-Za-z_]\w{0,63}", re.ASCII)
_NUMBER = re.compile(r"[0-9]{1,10}")
_CACHE = re.compile(r"(self|cross)_(key|value)_[0-9]{1,4}")
_STATE = re.compile(r"self_state_[0-9]{1,4}")

_ATTENTION = re.compile(r"(encoder|decoder|cross)_attention_[0-9]{1,4}")

FEWEST_CANDIDATES = 3
"""A beam of 1 needs twice its width and one."""


def problems_of(manifest: Manifest) -> list[str]:
    """Returns all that is wrong, a sentence each; none where the manifest is good."""
    parts = (_sizes, _languages, _tokens, _kinds, _graphs, _tokenizer, _files, _figures)
    return [problem for part in parts for problem in part(manifest)]


def _sizes(manifest: Manifest) -> Iterator[str]:
    sizes = manifest.architecture
    yield from _text("name", manifest.name)
    yield from _text("architecture.family", sizes.family)
    for name, most in (
        ("encoder_layers", MOST_LAYERS),
        ("decoder_layers", MOST_LAYERS),
        ("model_dim", MOST_WIDTH),
        ("encoder_heads", MOST_HEADS),
        ("decoder_heads", MOST_HEADS),
        ("head_dim", MOST_WIDTH),
    ):
        yield from _within(f"architecture.{name}", getattr(sizes, name), 1, most)
    yield from _within("architecture.vocabulary_size", sizes.vocabulary_size, 2, MOST_TOKENS)
    yield from _within(
        "architecture.source_vocabulary_size", sizes.source_vocabulary_size, 0, MOST_TOKENS
    )
    yield from _within("architecture.max_positions", sizes.max_positions, 2, MOST_POSITIONS)
    longest = max(sizes.max_positions, 2) - 1  # the start token takes a position
    length = manifest.decoding_defaults.max_decoding_length
    yield from _within("decoding_defaults.max_decoding_length", length, 0, longest)


def _languages(manifest: Manifest) -> Iterator[str]:
    sizes = {"source": _source_size(manifest), "target": manifest.architecture.vocabulary_size}
    longest = manifest.architecture.max_positions - 2  # one for the start token, one for the text
    told = {
        "source_languages": {"prefix_ids": "source", "suffix_ids": "source"},
        "target_languages": {"source_prefix_ids": "source", "target_prefix_ids": "target"},
    }
    for name, sides in told.items():
        languages = getattr(manifest, name)
        if not languages:
            yield f"{name} is empty; allowed: one language or more"
        for index, language in enumerate(languages):
            field = f"{name}[{index}]"
            yield from _text(f"{field}.language_code", language.language_code, LONGEST_CODE)
            for ids, side in sides.items():
                tokens = getattr(language, ids)
                yield from _ids(f"{field}.{ids}", tokens, sizes[side])
                if len(tokens) > max(longest, 0):
                    yield f"{field}.{ids} has {len(tokens)} tokens; allowed: at most {longest}"
        yield from _unique(name, [language.language_code for language in languages])


def _tokens(manifest: Manifest) -> Iterator[str]:
    special, size = manifest.special_tokens, manifest.architecture.vocabulary_size
    yield from _ids("special_tokens.decoder_start_id", [special.decoder_start_id], size)
    for name in ("end_id", "unknown_id"):
        of_both = min(size, _source_size(manifest))
        yield from _ids(f"special_tokens.{name}", [getattr(special, name)], of_both)
    yield from _ids("special_tokens.suppressed_ids", special.suppressed_ids, size)
    for index, sequence in enumerate(special.suppressed_sequences):
        field = f"special_tokens.suppressed_sequences[{index}].ids"
        yield from _ids(field, sequence.ids, size)
        if len(sequence.ids) < 2:  # noqa: PLR2004 - one alone is a suppressed id
            yield f"{field} has {len(sequence.ids)} tokens; allowed: 2 or more"
    if special.end_id in special.suppressed_ids:
        yield f"special_tokens.suppressed_ids has end_id, {special.end_id}, which ends a target"


def _kinds(manifest: Manifest) -> Iterator[str]:
    yield from _one_of("precision", manifest.precision, PRECISIONS)
    yield from _one_of("activation_scales", manifest.activation_scales, ("", *SCALES))
    if not manifest.providers:
        yield f"providers is empty; allowed: {', '.join(PROVIDERS)}"
    for index, provider in enumerate(manifest.providers):
        yield from _one_of(f"providers[{index}]", provider, PROVIDERS)
    yield from _unique("providers", manifest.providers)
    yield from problems_of_format(manifest)
    count = manifest.candidate_count
    if count or _has_device_graphs(manifest):
        most = max(manifest.architecture.vocabulary_size, FEWEST_CANDIDATES)
        yield from _within("candidate_count", count, FEWEST_CANDIDATES, most)


def _graphs(manifest: Manifest) -> Iterator[str]:
    graphs = [("encoder", manifest.encoder), ("decoder", manifest.decoder)]
    if _has_device_graphs(manifest):
        graphs.append(("copy", manifest.copy))
    if manifest.HasField("attention"):
        graphs.append(("attention", manifest.attention))
    for name, graph in graphs:
        yield from _path(f"{name}.path", graph.path)
        yield from _tensors(f"{name}.inputs", graph.inputs)
        yield from _tensors(f"{name}.outputs", graph.outputs)
    yield from _caches(manifest.decoder, manifest)
    yield from problems_of_shortlist(manifest)
    for name, path in paths_of(manifest.shortlist).items():
        yield from _path(f"shortlist.{name}", path)
    yield from _alignment_heads(manifest)


def _has_device_graphs(manifest: Manifest) -> bool:
    """Whether the graphs are onnxruntime's for a GPU, which choose candidates and need a copy's."""
    return format_of(manifest) == "onnx" and "cuda" in manifest.providers


def _alignment_heads(manifest: Manifest) -> Iterator[str]:
    """Which of the attention's outputs are read, and that these are there."""
    if not manifest.HasField("attention"):
        return
    sizes, chosen = manifest.architecture, manifest.alignment_heads
    yield from _within("alignment_heads.layer", chosen.layer, 0, max(sizes.decoder_layers, 1) - 1)
    if not chosen.heads:
        yield "alignment_heads.heads is empty; allowed: one head or more"
    for head in chosen.heads:
        yield from _within("alignment_heads.heads", head, 0, max(sizes.decoder_heads, 1) - 1)
    names = {output.name for output in manifest.attention.outputs}
    if f"cross_attention_{chosen.layer}" not in names:
        yield f"attention.outputs lacks cross_attention_{chosen.layer}, which alignment_heads names"
    for name in names:
        if not _ATTENTION.fullmatch(name):
            yield (
                f"attention.outputs has {_shown(name)}; allowed: encoder_attention_0, "
                "decoder_attention_0, cross_attention_0 and so on"
            )


def _tensors(field: str, tensors: Collection[TensorSpec]) -> Iterator[str]:
    if not tensors:
        yield f"{field} is empty; allowed: one tensor or more"
    for index, tensor in enumerate(tensors):
        yield from _text(f"{field}[{index}].name", tensor.name)
        yield from _one_of(f"{field}[{index}].data_type", tensor.data_type, DATA_TYPES)
        for place, size in enumerate(tensor.shape):
            is_number = _NUMBER.fullmatch(size) and 1 <= int(size) <= MOST_DIMENSION
            if not (is_number or _DIMENSION.fullmatch(size)):
                yield (
                    f"{field}[{index}].shape[{place}] is {_shown(size)}; allowed: a number "
                    f"from 1 to {MOST_DIMENSION:,} or a name"
                )
    yield from _unique(field, [tensor.name for tensor in tensors])


def _caches(decoder: Graph, manifest: Manifest) -> Iterator[str]:
    """Of the decoder's inputs, what the sizes of caches and batches are worked out from."""
    sizes = manifest.architecture
    heads, width = str(sizes.decoder_heads), str(sizes.head_dim)
    layers, is_cache = 0, None
    for index, tensor in enumerate(decoder.inputs):
        field, shape = f"decoder.inputs[{index}]", list(tensor.shape)
        is_cache = _CACHE.fullmatch(tensor.name)
        if _STATE.fullmatch(tensor.name):
            layers += 1
            yield from _one_of(f"{field}.data_type", tensor.data_type, ("float",))
            is_state = len(shape) == 2 and shape[1] == str(sizes.model_dim)  # noqa: PLR2004
            if not is_state or sizes.model_dim % 2:  # devices copy two numbers at a time
                yield (
                    f"{field}.shape is ({', '.join(map(_shown, shape))}); a state of this "
                    f"architecture has 2 dimensions and is {sizes.model_dim} places wide, an even "
                    "number"
                )
        elif is_cache:
            layers += tensor.name.startswith("self_key")
            yield from _one_of(f"{field}.data_type", tensor.data_type, CACHE_TYPES)
            if len(shape) != 4 or (shape[1], shape[3]) != (heads, width):  # noqa: PLR2004
                yield (
                    f"{field}.shape is ({', '.join(map(_shown, shape))}); a cache of this "
                    f"architecture has 4 dimensions, {heads} heads and {width} places wide"
                )
        elif tensor.name == "query_index" and not _is_multiple(shape, sizes.decoder_heads):
            yield (
                f"{field}.shape is ({', '.join(map(_shown, shape))}); its second of 2 dimensions "
                f"is a multiple of decoder_heads, {heads}"
            )
    if not is_cache:
        yield "decoder.inputs does not end with a cache, such as cross_value_0"
    if layers != sizes.decoder_layers:
        yield (
            f"decoder.inputs has caches of {layers} layers; architecture.decoder_layers is "
            f"{sizes.decoder_layers}"
        )


def _tokenizer(manifest: Manifest) -> Iterator[str]:
    files, source_size = manifest.tokenizer, _source_size(manifest)
    most = max(source_size, manifest.architecture.vocabulary_size)
    yield from _one_of("tokenizer.kind", files.kind, TOKENIZER_KINDS)
    if files.kind != "bytes":
        yield from _path("tokenizer.source_model_path", files.source_model_path)
        yield from _path("tokenizer.target_model_path", files.target_model_path)
    if files.kind in ("sentencepiece", "moses") or files.vocabulary_path:
        yield from _path("tokenizer.vocabulary_path", files.vocabulary_path)
    if files.target_vocabulary_path:
        yield from _path("tokenizer.target_vocabulary_path", files.target_vocabulary_path)
    if files.kind == "moses":
        for name in ("source_language", "target_language"):
            language = getattr(files.moses, name)
            yield from _text(f"tokenizer.moses.{name}", language, LONGEST_CODE)
    for index, token in enumerate(files.added_tokens):
        field = f"tokenizer.added_tokens[{index}]"
        if not 1 <= len(token.text) <= LONGEST_NAME:
            yield f"{field}.text has {len(token.text)} characters; allowed: 1 to {LONGEST_NAME}"
        yield from _ids(f"{field}.id", [token.id], source_size)
    yield from _unique("tokenizer.added_tokens", [token.text for token in files.added_tokens])
    yield from _ids("tokenizer.control_ids", files.control_ids, source_size)
    yield from _ids("tokenizer.hidden_ids", files.hidden_ids, most)


def _files(manifest: Manifest) -> Iterator[str]:
    if not manifest.files:
        yield "files is empty; allowed: every file of the bundle"
    for index, file in enumerate(manifest.files):
        yield from _path(f"files[{index}].path", file.path)
        if file.size_bytes < 0:
            yield f"files[{index}].size_bytes is {file.size_bytes}; allowed: 0 or more"
        if not _SHA256.fullmatch(file.sha256):
            yield (
                f"files[{index}].sha256 is {_shown(file.sha256)}; allowed: 64 hexadecimal digits "
                "in lower case"
            )
    yield from _unique("files", [file.path for file in manifest.files])


def _figures(manifest: Manifest) -> Iterator[str]:
    yield from problems_of_calibration(manifest)
    for field, value in manifest.parity.ListFields():
        is_figure = isinstance(value, int | float) and not isinstance(value, bool)
        if is_figure and not (math.isfinite(value) and value >= 0):
            yield f"parity.{field.name} is {value}; allowed: a number, 0 or more"


def _within(field: str, value: int, lowest: int, highest: int) -> Iterator[str]:
    if not lowest <= value <= highest:
        yield f"{field} is {value}; allowed: {lowest} to {highest:,}"


def _one_of(field: str, value: str, allowed: Iterable[str]) -> Iterator[str]:
    if value not in allowed:
        yield f"{field} is {_shown(value)}; allowed: {', '.join(filter(None, allowed))}"


def _text(field: str, value: str, longest: int = LONGEST_NAME) -> Iterator[str]:
    if not 1 <= len(value) <= longest or not value.isprintable():
        yield f"{field} is {_shown(value)}; allowed: 1 to {longest} printable characters"


def _ids(field: str, ids: Collection[int], size: int) -> Iterator[str]:
    highest = max(size, 1) - 1
    if wrong := [index for index in ids if not 0 <= index <= highest]:
        yield f"{field} has {wrong[0]}; allowed: 0 to {highest:,}, as the vocabulary has it"


def _source_size(manifest: Manifest) -> int:
    sizes = manifest.architecture
    return sizes.source_vocabulary_size or sizes.vocabulary_size


def _unique(field: str, names: Collection[str]) -> Iterator[str]:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            yield f"{field} has {_shown(name)} twice"
            return
        seen.add(name)


def _path(field: str, value: str) -> Iterator[str]:
    path = PurePosixPath(value)
    if path.is_absolute() or ".." in path.parts:
        yield f"{field} is {_shown(value)}, which leaves the bundle"
    elif str(path) != value or value == "." or not value.isprintable():
        yield f"{field} is {_shown(value)}; allowed: a path within the bundle"


def _is_multiple(shape: list[str], of: int) -> bool:
    is_number = len(shape) == 2 and _NUMBER.fullmatch(shape[1])  # noqa: PLR2004
    return bool(is_number and of > 0 and int(shape[1]) > 0 and int(shape[1]) % of == 0)


def _shown(value: str) -> str:
    return repr(value if len(value) <= LONGEST_CODE else value[:LONGEST_CODE] + "...")
