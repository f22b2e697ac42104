"""Makes CTranslate2 models of tiny checkpoints with its own converters, and asks what they say."""

import json
import math
import re
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import ctranslate2
import numpy as np
import sentencepiece
import transformers
from ctranslate2.converters import TransformersConverter
from ctranslate2.converters.transformers import MarianMTLoader

from tests.families.compare import ANY, Direction

LIMIT = 40
"""Tokens of a translation at most."""


NORMS = {
    "bart": {"normalize_before": False, "normalize_embedding": True},
    "mbart": {"normalize_before": True, "normalize_embedding": True},
    "pegasus": {"normalize_before": True, "normalize_embedding": False},
}
"""What the published checkpoints of a family say in config.json, which the converter goes by and
transformers does not."""

UNUSED = 7
"""Rows after the last token in the checkpoints of `tests.families.multilingual`."""


class _Converter(TransformersConverter):  # type: ignore[misc]  # an untyped library's
    """Takes the decoder's heads for the decoder's; CTranslate2's own takes the encoder's."""

    def __init__(self, path: Path, config: Mapping[str, Any], names: Mapping[str, str]) -> None:
        super().__init__(str(path))
        self._config, self._names = config, names

    def _load(self) -> Any:
        spec = super()._load()
        heads = json.loads(Path(self._model_name_or_path, "config.json").read_text())
        spec.decoder.num_heads = np.int16(heads["decoder_attention_heads"])
        for name, value in self._config.items():
            setattr(spec.config, name, value)
        size = spec.get_target_vocabulary_size()
        for vocabularies in spec._vocabularies.values():
            for tokens in vocabularies:
                tokens[:] = [_renamed(token, self._names) for token in tokens]
                tokens += [f"unused{number}" for number in range(len(tokens), size)]
        return spec

    def load_model(self, *args: Any, **kwargs: Any) -> Any:
        model = super().load_model(*args, **kwargs)
        for name, value in NORMS.get(model.config.model_type, {}).items():
            setattr(model.config, name, value)
        return model

    def load_tokenizer(self, *args: Any, **kwargs: Any) -> Any:
        tokenizer = super().load_tokenizer(*args, **kwargs)
        if hasattr(tokenizer, "num_madeup_words"):
            tokenizer.num_madeup_words = UNUSED
        return tokenizer


def _renamed(token: str, names: Mapping[str, str]) -> str:
    for pattern, name in names.items():
        if match := re.fullmatch(pattern, token):
            return match.expand(name)
    return token


def convert(
    checkpoint: Path,
    output: Path,
    quantization: str = "float32",
    config: Mapping[str, Any] | None = None,
    names: Mapping[str, str] | None = None,
) -> Path:
    """With CTranslate2's converter; the tokenizer lies beside the model.

    Args:
        checkpoint: In transformers' layout.
        output: Of the model.
        quantization: As CTranslate2 calls it.
        config: Takes the place of what the converter says of the tokens.
        names: Patterns of tokens, and what they are called instead.
    """
    _Converter(checkpoint, config or {}, names or {}).convert(
        str(output), quantization=quantization
    )
    models = [*checkpoint.glob("*.spm"), *checkpoint.glob("*.model")]
    for file in models or [checkpoint / "tokenizer.json"]:
        if file.exists():
            (output / file.name).write_bytes(file.read_bytes())
    settings = checkpoint / "tokenizer_config.json"
    shutil.copyfile(settings, output / settings.name)
    is_written = models or json.loads(settings.read_text())["tokenizer_class"] == "ByT5Tokenizer"
    if not is_written and not (output / "tokenizer.json").exists():
        tokenizer = transformers.AutoTokenizer.from_pretrained(checkpoint)
        tokenizer.backend_tokenizer.save(str(output / "tokenizer.json"))
    return output


def convert_two_vocabularies(checkpoint: Path, output: Path) -> Path:
    """The converter registers the sources' vocabulary for both; the rest is its own."""
    model = transformers.MarianMTModel.from_pretrained(checkpoint)
    spec = _AsItIs().get_model_spec(model)
    spec.decoder.num_heads = np.int16(model.config.decoder_attention_heads)
    sources, targets = (
        list(json.loads((checkpoint / name).read_text()))
        for name in ("vocab.json", "target_vocab.json")
    )
    spec.register_source_vocabulary(sources)
    spec.register_target_vocabulary(targets)
    spec.config.bos_token = spec.config.eos_token = "</s>"
    spec.config.decoder_start_token = "<pad>"
    spec.validate()
    spec.optimize()
    output.mkdir()
    spec.save(str(output))
    for name in ("source.spm", "target.spm"):
        (output / name).write_bytes((checkpoint / name).read_bytes())
    return output


def without_languages(checkpoint: Path, output: Path) -> Path:
    """As OpenNMT's models are: targets begin with <s>, sources end with nothing."""
    names = {"<pad>": "<blank>", r"__(\w+)__": r"language-\1"}
    return convert(checkpoint, output, config={"decoder_start_token": "<s>"}, names=names)


def starts_with_end(checkpoint: Path, output: Path) -> Path:
    """As of published checkpoints of mBART-50."""
    config = {"decoder_start_token": "</s>", "bos_token": "<s>"}
    return convert(checkpoint, output, config=config)


def ends_sources(checkpoint: Path, output: Path) -> Path:
    """As Marian's and fairseq's converters say it, and with what sources begin with."""
    return convert(checkpoint, output, config={"add_source_eos": True, "add_source_bos": True})


class _AsItIs(MarianMTLoader):  # type: ignore[misc]  # an untyped library's
    """With <pad>, and its embedding as the start."""

    def set_decoder(self, spec: Any, decoder: Any) -> None:
        super(MarianMTLoader, self).set_decoder(spec, decoder)

    def _remove_pad_weights(self, spec: Any) -> None:
        pass


class Said(NamedTuple):
    tokens: tuple[str, ...]
    """With the end token, if there is one."""
    score: float


@dataclass
class Library:
    """CTranslate2 with a model, on the CPU and in float32."""

    path: Path
    source_tokens: Callable[[str, Direction], list[str]]
    """As whoever calls the library has to make them."""
    target_prefix: Callable[[Direction], list[str]] = field(default=lambda _: [])
    start: Sequence[str] = ()
    """What each request says that the decoder starts with, where the model does not."""

    @cached_property
    def _translator(self) -> Any:
        return ctranslate2.Translator(
            str(self.path), device="cpu", compute_type="float32", inter_threads=1, intra_threads=1
        )

    def translate(
        self, texts: Sequence[str], beam_size: int, direction: Direction = ANY
    ) -> list[list[Said]]:
        """All hypotheses of each text, the best first, without what a target begins with."""
        prefix = self.target_prefix(direction)
        results = self._translator.translate_batch(
            [self.source_tokens(text, direction) for text in texts],
            target_prefix=[[*self.start, *prefix]] * len(texts) if prefix or self.start else None,
            beam_size=beam_size,
            num_hypotheses=beam_size,
            min_decoding_length=0,  # 1 by default: no text is empty
            max_decoding_length=LIMIT + len(prefix),
            return_scores=True,
            return_end_token=True,
        )
        return [
            [
                Said(tuple(tokens[len(prefix) :]), score)
                for tokens, score in zip(result.hypotheses, result.scores, strict=True)
            ]
            for result in results
        ]

    def log_probs(self, text: str, tokens: Sequence[str], direction: Direction) -> float:
        """Of a translation that ends, by the library's own scoring."""
        return math.fsum(self.all_log_probs([text], [tokens], direction)[0])

    def all_log_probs(
        self, texts: Sequence[str], targets: Sequence[Sequence[str]], direction: Direction
    ) -> list[list[float]]:
        """Of every token of each target, and of an end after it."""
        prefix = self.target_prefix(direction)
        scored = self._translator.score_batch(
            [self.source_tokens(text, direction) for text in texts],
            [[*self.start, *prefix, *tokens] for tokens in targets],
        )
        return [each.log_probs[len(prefix) :] for each in scored]


def by_transformers(checkpoint: Path) -> Callable[[str, Direction], list[str]]:
    """Source tokens as transformers' tokenizer makes them, as CTranslate2's documents say."""
    tokenizer: Any = transformers.AutoTokenizer.from_pretrained(checkpoint)

    def tokens(text: str, direction: Direction) -> list[str]:
        if direction.source_language is not None:
            tokenizer.src_lang = direction.source_language
        token_ids = tokenizer(direction.prefix + text)["input_ids"]
        named: list[str] = tokenizer.convert_ids_to_tokens(token_ids)
        return named

    return tokens


def by_transformers_bare(checkpoint: Path) -> Callable[[str, Direction], list[str]]:
    """Likewise, without what is before and after a text."""
    whole = by_transformers(checkpoint)
    return lambda text, direction: whole(text, direction)[1:-1]


def pieces_beside(checkpoint: Path) -> Callable[[str, Direction], list[str]]:
    """Source tokens as M2M100's sentencepiece model makes them."""
    return by_pieces(checkpoint / "sentencepiece.bpe.model")


def by_pieces(model: Path, *ending: str) -> Callable[[str, Direction], list[str]]:
    """Source tokens as sentencepiece makes them, which OpenNMT's models take without an end."""
    pieces = sentencepiece.SentencePieceProcessor(model_file=str(model))

    def tokens(text: str, _direction: Direction) -> list[str]:
        cut: list[str] = pieces.encode(text, out_type=str)
        return [*cut, *ending]

    return tokens
