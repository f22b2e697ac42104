"""Writes checkpoints with the sizes of large published models and random weights.

One tensor after the other, so that writing needs next to no memory. Their tokenizers are trained on
a few sentences and filled up with invented pieces to the size of the published ones. Translations
are noise; the speed is that of the published weights as long as output lengths are forced.
"""

import json
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
import transformers
from numpy.typing import NDArray
from sentencepiece import sentencepiece_model_pb2
from transformers.models.nllb.tokenization_nllb import FAIRSEQ_LANGUAGE_CODES

from dragoman_export.sentences import SENTENCES
from tests.export.tiny import train_pieces
from tests.families.multilingual import save_library_tokenizer

ShapeName = Literal["nllb-600m", "madlad-3b"]
ElementType = Literal["float32", "bfloat16"]

BLOCK = 1 << 22
"""Numbers that are made at once."""

PIECES = 400
"""That the sentences give."""

FILLER = [chr(0x4E00 + index) for index in range(520)]
"""Letters of invented pieces, which have two each: more than any vocabulary needs, and no text."""

MAX_LENGTH = 64
"""Of a translation whose length nobody forces, so of those that export verifies on."""


@dataclass(frozen=True)
class Shape:
    """A published model's sizes."""

    published: str
    model: type[Any]
    config: Callable[..., Any]
    layers: int
    """Of the encoder, and as many of the decoder."""
    vocabulary: int
    settings: Mapping[str, Any]
    """Others of config.json."""
    tokenizer: str
    """Its class in transformers."""
    file: str
    """Of the pieces that its tokenizer is made from."""
    trained: Mapping[str, Any]
    """How sentencepiece trains them."""
    languages: tuple[str, ...] = ()
    """Tokens after the pieces."""
    untied: tuple[str, ...] = ()
    """Tensors that its file has though transformers ties them where it may."""
    others: int = 4
    """Tokens that transformers adds, at most: a mask, sentinels."""

    def scaled(self, fraction: float, vocabulary: int | None) -> dict[str, Any]:
        """Returns all settings of config.json, with that part of the layers, one at least.

        Args:
            fraction: Of the layers.
            vocabulary: Tokens; None takes the published model's.
        """
        layers = max(1, round(fraction * self.layers))
        names = [name for name in self.settings if name.endswith("layers")]
        size = {"vocab_size": vocabulary or self.vocabulary}
        return {**self.settings, **dict.fromkeys(names, layers), **size}


SHAPES: dict[ShapeName, Shape] = {
    # config.json of facebook/nllb-200-distilled-600M.
    "nllb-600m": Shape(
        published="NLLB-200-distilled-600M",
        model=transformers.M2M100ForConditionalGeneration,
        config=transformers.M2M100Config,
        layers=12,
        vocabulary=256_206,
        settings={
            "encoder_layers": 12,
            "decoder_layers": 12,
            "d_model": 1024,
            "encoder_attention_heads": 16,
            "decoder_attention_heads": 16,
            "encoder_ffn_dim": 4096,
            "decoder_ffn_dim": 4096,
            "max_position_embeddings": 1024,
            "activation_function": "relu",
            "scale_embedding": True,
            "pad_token_id": 1,
            "bos_token_id": 0,
            "eos_token_id": 2,
            "decoder_start_token_id": 2,
        },
        tokenizer="NllbTokenizer",
        file="sentencepiece.bpe.model",
        trained={"model_type": "bpe"},
        languages=tuple(FAIRSEQ_LANGUAGE_CODES),
    ),
    # google/madlad400-3b-mt. Its model.safetensors has 11,761,587,872 bytes: these sizes' numbers
    # in float32 and 92 kB, which a header for so many tensors has.
    "madlad-3b": Shape(
        published="MADLAD-400-3B",
        model=transformers.T5ForConditionalGeneration,
        config=transformers.T5Config,
        layers=32,
        vocabulary=256_000,
        settings={
            "num_layers": 32,
            "num_decoder_layers": 32,
            "d_model": 1024,
            "d_kv": 128,
            "num_heads": 16,
            "d_ff": 8192,
            "feed_forward_proj": "gated-gelu",
            "tie_word_embeddings": False,
            "relative_attention_num_buckets": 32,
            "relative_attention_max_distance": 128,
            "layer_norm_epsilon": 1e-6,
            "pad_token_id": 1,
            "eos_token_id": 2,
            "decoder_start_token_id": 0,
        },
        tokenizer="T5Tokenizer",
        file="spiece.model",
        trained={
            "unk_id": 0,
            "pad_id": 1,
            "eos_id": 2,
            "bos_id": -1,
            "user_defined_symbols": ["<2de>", "<2en>"],
        },
        untied=("lm_head.weight",),
        others=100,
    ),
}


def write_large_model(
    path: Path, shape: Shape, *, fraction: float, vocabulary: int | None, element_type: ElementType
) -> None:
    """Writes the checkpoint, always with the same weights; config.json comes last.

    Args:
        path: Directory to write.
        shape: Its sizes.
        fraction: Part of the layers that it has.
        vocabulary: Tokens; None takes the published model's.
        element_type: Of the weights.
    """
    path.mkdir(parents=True, exist_ok=True)
    settings = shape.scaled(fraction, vocabulary)
    _write_tokenizer(path, shape, settings["vocab_size"])
    config = shape.config(**settings, dtype=element_type)
    _write_weights(path / "model.safetensors", stored_shapes(shape, config), element_type)
    special = {name: value for name, value in settings.items() if name.endswith("token_id")}
    transformers.GenerationConfig(max_length=MAX_LENGTH, **special).save_pretrained(path)
    config.architectures = [shape.model.__name__]
    config.save_pretrained(path)


def stored_shapes(shape: Shape, config: Any) -> dict[str, tuple[int, ...]]:
    """Of every tensor in the file, in its order: what is tied to another is not there."""
    with torch.device("meta"):
        model = shape.model(config)
    tied = model.all_tied_weights_keys.keys() - set(shape.untied)
    return {
        name: tuple(each.shape) for name, each in model.state_dict().items() if name not in tied
    }


def _write_weights(
    path: Path, shapes: Mapping[str, tuple[int, ...]], element_type: ElementType
) -> None:
    """A file of safetensors: the length of a header, the header, then the bytes of each tensor."""
    size, code = {"float32": (4, "F32"), "bfloat16": (2, "BF16")}[element_type]
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    begin = 0
    for name, shape in shapes.items():
        end = begin + size * math.prod(shape)
        header[name] = {"dtype": code, "shape": shape, "data_offsets": [begin, end]}
        begin = end
    told = json.dumps(header).encode()
    told += b" " * (-len(told) % 8)
    random = np.random.default_rng(0)
    with path.open("wb") as file:
        file.write(len(told).to_bytes(8, "little") + told)
        for name, shape in shapes.items():
            for block in _numbers(random, name, shape):
                kept = block if element_type == "float32" else _bfloat16(block)
                file.write(kept.tobytes())


def _numbers(
    random: np.random.Generator, name: str, shape: tuple[int, ...]
) -> Iterator[NDArray[np.float32]]:
    """A tensor's numbers in their order, such that all layers have inputs of variance 1."""
    rest = math.prod(shape)
    deviation = _deviation(name, shape)
    while rest:
        count = min(rest, BLOCK)
        rest -= count
        if deviation is None:
            yield np.full(count, 0.0 if name.endswith("bias") else 1.0, np.float32)
        else:
            yield random.standard_normal(count, np.float32) * np.float32(deviation)


def _deviation(name: str, shape: tuple[int, ...]) -> float | None:
    """None where all numbers are the same: biases and norms."""
    if len(shape) == 1:
        return None
    if "relative_attention_bias" in name:
        return 1.0
    fan_in = float(shape[1])
    if name.endswith(("SelfAttention.q.weight", "EncDecAttention.q.weight")):
        fan_in *= 128.0  # T5 does not divide by sqrt(head_dim)
    return 1.0 / math.sqrt(fan_in)


def _bfloat16(numbers: NDArray[np.float32]) -> NDArray[np.uint16]:
    """The upper half of each number."""
    upper: NDArray[np.uint16] = (numbers.view(np.uint32) >> 16).astype(np.uint16)
    return upper


def _write_tokenizer(path: Path, shape: Shape, vocabulary: int) -> None:
    trained = train_pieces(SENTENCES, vocab_size=PIECES, **shape.trained)
    filled = _filled_up(trained, vocabulary - len(shape.languages) - shape.others)
    (path / "tokenizer.json").unlink(missing_ok=True)  # of an attempt that did not come to its end
    (path / shape.file).write_bytes(filled)
    save_library_tokenizer(path, shape.tokenizer, shape.file, shape.languages)


def _filled_up(model: bytes, size: int) -> bytes:
    """A sentencepiece model with invented pieces at its end, each less likely than any other."""
    proto = sentencepiece_model_pb2.ModelProto.FromString(model)
    lowest = min(piece.score for piece in proto.pieces)
    letters = FILLER[: math.isqrt(size) + 1]
    invented = [*letters, *map("".join, product(letters, repeat=2))]
    for number, piece in enumerate(invented[: max(0, size - len(proto.pieces))], start=1):
        proto.pieces.add(piece=piece, score=lowest - number / 1000)
    proto.trainer_spec.vocab_size = len(proto.pieces)
    filled: bytes = proto.SerializeToString()
    return filled
