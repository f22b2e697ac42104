"""Makes tiny checkpoints of all families but Marian, trained for a moment so that they end."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
import transformers
from transformers.models.m2m_100.tokenization_m2m_100 import FAIRSEQ_LANGUAGE_CODES

from tests.export import tiny
from tests.export.corpus import Corpus
from tests.export.two_vocabularies import TOY
from tests.families.compare import Direction

SIZES: dict[str, Any] = {
    "d_model": 32,
    "encoder_layers": 2,
    "decoder_layers": 2,
    "encoder_attention_heads": 2,
    "decoder_attention_heads": 4,
    "encoder_ffn_dim": 48,
    "decoder_ffn_dim": 64,
    "max_position_embeddings": 96,
    "init_std": 0.15,
    "dropout": 0.0,
    "attention_dropout": 0.0,
    "encoder_layerdrop": 0.0,
    "decoder_layerdrop": 0.0,
}

MAX_LENGTH = 40


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A checkpoint to make."""

    model: type[Any]
    config: type[Any]
    tokenizer: Callable[[Path, Corpus], Any]
    """Writes a tokenizer's files, trained on the texts, and loads them."""
    directions: Sequence[Direction]
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Of config.json."""
    generation: Mapping[str, Any] = field(default_factory=dict)
    """Of generation_config.json."""
    start: str = "</s>"
    """What the decoder starts with."""
    max_length: int = MAX_LENGTH
    """Of a translation, in tokens."""

    def make(self, path: Path, corpus: Corpus = TOY) -> Path:
        """Writes the checkpoint."""
        path.mkdir()
        tokenizer = self.tokenizer(path, corpus)
        start_id = tokenizer.convert_tokens_to_ids(self.start)
        size = 1 + max(tokenizer.get_vocab().values())
        size = max([size, *getattr(tokenizer, "id_to_lang_token", {0: ""})])
        special = {
            "pad_token_id": tokenizer.pad_token_id,
            "eos_token_id": tokenizer.eos_token_id,
            "decoder_start_token_id": start_id,
        }
        config = self.config(
            **SIZES | {"vocab_size": size + 7, "forced_eos_token_id": None} | special
            | dict(self.settings)
        )  # fmt: skip
        torch.manual_seed(4)
        model = self.model(config)
        if hasattr(model, "final_logits_bias"):
            model.final_logits_bias.normal_(std=0.1)
        self._train(model, tokenizer, start_id, corpus)
        # Where a text has no end, transformers and we count one, as its place is forced.
        ends = {"max_length": self.max_length, "forced_eos_token_id": tokenizer.eos_token_id}
        generation = {**ends, **special, **self.generation}
        model.generation_config = transformers.GenerationConfig(**generation)
        model.save_pretrained(path)
        return path

    def _train(self, model: Any, tokenizer: Any, start_id: int, corpus: Corpus) -> None:
        """Every direction in turn, as `generate` will ask for it."""
        if corpus.steps == 0:
            tiny.disturb(model)
            return
        batches = [
            self._batch(tokenizer, direction, start_id, part)
            for part in corpus.chunks()
            for direction in self.directions
        ]
        optimizer = torch.optim.Adam(model.parameters(), lr=4e-3, foreach=True)
        for step in range(corpus.steps_of(80)):
            loss = model(**batches[step % len(batches)]).loss
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        model.eval()

    def _batch(
        self, tokenizer: Any, direction: Direction, start_id: int, corpus: Corpus
    ) -> dict[str, Any]:
        if direction.source_language is not None:
            tokenizer.src_lang = direction.source_language
        sources, targets = corpus.of(direction.source or "en"), corpus.of(direction.target)
        batch = tokenizer(
            [direction.prefix + text for text in sources], return_tensors="pt", padding=True
        )
        told = []
        if direction.target_token is not None:
            told = [tokenizer.convert_tokens_to_ids(direction.target_token)]
        elif "forced_bos_token_id" in self.generation:
            told = [self.generation["forced_bos_token_id"]]
        rows = [
            [*told, *tokenizer(text, add_special_tokens=False)["input_ids"], tokenizer.eos_token_id]
            for text in targets
        ]
        longest = max(map(len, rows))
        labels = torch.tensor([[*row, *[-100] * (longest - len(row))] for row in rows])
        shifted = torch.cat([torch.full((len(rows), 1), start_id), labels[:, :-1]], dim=1)
        return {
            "input_ids": batch["input_ids"],
            "attention_mask": batch["attention_mask"],
            "decoder_input_ids": shifted.masked_fill(shifted == -100, tokenizer.pad_token_id),
            "labels": labels,
        }


def pieces_tokenizer(
    name: str, file: str, languages: Sequence[str] = (), *, vocab_size: int = 230, **settings: Any
) -> Callable[..., Any]:
    """A tokenizer of a sentencepiece model, which transformers turns into one of its library."""

    def make(path: Path, corpus: Corpus = TOY) -> Any:
        trained = tiny.train_pieces(corpus.texts, vocab_size=corpus.size(vocab_size), **settings)
        (path / file).write_bytes(trained)
        return save_library_tokenizer(path, name, file, languages)

    return make


def save_library_tokenizer(path: Path, name: str, file: str, languages: Sequence[str]) -> Any:
    """Turns a sentencepiece model in `path` into a tokenizer.json, which takes its place."""
    (path / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": name}))
    (path / "config.json").write_text(json.dumps({"model_type": "bart"}))
    tokenizer: Any = transformers.AutoTokenizer.from_pretrained(path)
    tokenizer.add_tokens(list(languages), special_tokens=True)
    (path / file).unlink()
    tokenizer.save_pretrained(path)
    return transformers.AutoTokenizer.from_pretrained(path)


def m2m100_tokenizer(path: Path, corpus: Corpus = TOY) -> Any:
    """sentencepiece, with ids of its own, as M2M100 has them; languages come after them."""
    model = tiny.train_pieces(corpus.texts, vocab_size=corpus.size(200))
    (path / "sentencepiece.bpe.model").write_bytes(model)
    pieces = tiny.pieces_of(model)
    vocabulary = {piece: i for i, piece in enumerate(["<s>", "<pad>", "</s>", "<unk>", *pieces])}
    (path / "vocab.json").write_text(json.dumps(vocabulary))
    codes = FAIRSEQ_LANGUAGE_CODES["m2m100"]
    settings = {
        "tokenizer_class": "M2M100Tokenizer",
        "language_codes": "m2m100",
        "additional_special_tokens": [f"__{code}__" for code in codes],
    }
    (path / "tokenizer_config.json").write_text(json.dumps(settings))
    (path / "config.json").write_text(json.dumps({"model_type": "m2m_100"}))
    return transformers.AutoTokenizer.from_pretrained(path)


def bart_tokenizer(path: Path, corpus: Corpus = TOY) -> Any:
    """Pieces of bytes, trained on the texts."""
    from tokenizers import ByteLevelBPETokenizer  # noqa: PLC0415

    trained = ByteLevelBPETokenizer()
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    trained.train_from_iterator(
        corpus.texts, vocab_size=corpus.size(400), special_tokens=special, show_progress=False
    )
    trained.save_model(str(path))
    (path / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "BartTokenizer"}))
    (path / "config.json").write_text(json.dumps({"model_type": "bart"}))
    return transformers.AutoTokenizer.from_pretrained(path)


def byte_tokenizer(path: Path, _corpus: Corpus = TOY) -> Any:
    """That of ByT5, which has no vocabulary."""
    transformers.ByT5Tokenizer().save_pretrained(path)
    return transformers.AutoTokenizer.from_pretrained(path)


T5_IDS: dict[str, Any] = {"pad_id": 0, "eos_id": 1, "unk_id": 2, "bos_id": -1}
T5_SIZES: dict[str, Any] = {
    "d_kv": 8,
    "d_ff": 48,
    "num_layers": 2,
    "num_heads": 4,
    "relative_attention_num_buckets": 8,
    "relative_attention_max_distance": 20,
    "dropout_rate": 0.0,
    "initializer_factor": 1.0,
    "n_positions": 96,
}

NLLB_LANGUAGES = ("eng_Latn", "deu_Latn", "ace_Arab", "ace_Latn")
MBART_LANGUAGES = ("en_XX", "de_DE")


def nllb_directions() -> list[Direction]:
    return [
        Direction("en", "de", "eng_Latn", "deu_Latn"),
        Direction("de", "en", "deu_Latn", "eng_Latn"),
    ]


KINDS: dict[str, Kind] = {
    "nllb": Kind(
        model=transformers.M2M100ForConditionalGeneration,
        config=transformers.M2M100Config,
        tokenizer=pieces_tokenizer(
            "NllbTokenizer",
            "sentencepiece.bpe.model",
            NLLB_LANGUAGES,
            model_type="bpe",
            vocab_size=180,
        ),
        directions=nllb_directions(),
    ),
    "m2m100": Kind(
        model=transformers.M2M100ForConditionalGeneration,
        config=transformers.M2M100Config,
        tokenizer=m2m100_tokenizer,
        directions=[
            Direction("en", "de", "en", "__de__"),
            Direction("de", "en", "de", "__en__"),
        ],
        settings={"activation_function": "silu", "scale_embedding": False},
        generation={"bad_words_ids": [[1], [6, 7]]},
    ),
    "mbart50": Kind(
        model=transformers.MBartForConditionalGeneration,
        config=transformers.MBartConfig,
        tokenizer=pieces_tokenizer("MBart50Tokenizer", "sentencepiece.bpe.model", MBART_LANGUAGES),
        directions=[
            Direction("en", "de", "en_XX", "de_DE"),
            Direction("de", "en", "de_DE", "en_XX"),
        ],
        settings={"scale_embedding": True},
    ),
    "mbart": Kind(
        model=transformers.MBartForConditionalGeneration,
        config=transformers.MBartConfig,
        tokenizer=pieces_tokenizer("MBartTokenizer", "sentencepiece.bpe.model", MBART_LANGUAGES),
        directions=[Direction("en", "de", "en_XX")],
        settings={"activation_function": "relu", "tie_word_embeddings": True},
        start="de_DE",
    ),
    "bart": Kind(
        model=transformers.BartForConditionalGeneration,
        config=transformers.BartConfig,
        tokenizer=bart_tokenizer,
        directions=[Direction("en", "de")],
        generation={"forced_bos_token_id": 0, "no_repeat_ngram_size": 0},
    ),
    "pegasus": Kind(
        model=transformers.PegasusForConditionalGeneration,
        config=transformers.PegasusConfig,
        tokenizer=pieces_tokenizer(
            "PegasusTokenizer", "spiece.model", pad_id=0, eos_id=1, unk_id=2, bos_id=-1
        ),
        directions=[Direction("en", "de")],
        settings={"activation_function": "relu", "scale_embedding": True},
        start="<pad>",
    ),
    "t5": Kind(
        model=transformers.T5ForConditionalGeneration,
        config=transformers.T5Config,
        tokenizer=pieces_tokenizer("T5Tokenizer", "spiece.model", **T5_IDS),
        directions=[
            Direction("en", "de", prefix="translate English to German: "),
            Direction("en", "en", prefix="translate English to English: "),
        ],
        settings=T5_SIZES
        | {
            "task_specific_params": {
                "translation_en_to_de": {"prefix": "translate English to German: "},
                "translation_en_to_en": {"prefix": "translate English to English: "},
                "summarization": {"prefix": "summarize: "},
            }
        },
        start="<pad>",
    ),
    "madlad": Kind(
        model=transformers.T5ForConditionalGeneration,
        config=transformers.T5Config,
        tokenizer=pieces_tokenizer(
            "T5Tokenizer", "spiece.model", user_defined_symbols=["<2de>", "<2en>"], **T5_IDS
        ),
        directions=[Direction("", "de", prefix="<2de> "), Direction("", "en", prefix="<2en> ")],
        settings=T5_SIZES
        | {
            "feed_forward_proj": "gated-gelu",
            "tie_word_embeddings": False,
            "num_decoder_layers": 1,
            "d_kv": 12,
        },
        start="<unk>",
    ),
    "byt5": Kind(
        model=transformers.T5ForConditionalGeneration,
        config=transformers.T5Config,
        tokenizer=byte_tokenizer,
        directions=[Direction("en", "de")],
        settings=T5_SIZES
        | {
            "feed_forward_proj": "gated-silu",
            "tie_word_embeddings": False,
            "n_positions": 300,
            "vocab_size": 384,  # transformers has no text for more
            "num_heads": 2,
        },
        start="<pad>",
        max_length=120,
    ),
}
