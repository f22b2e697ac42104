"""Small models around torch.nn.Transformer, unlike each other, trained for a moment; and a plain
search over them that knows nothing of ours.

Each class is what somebody might have written, with names and habits of its own.
"""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import safetensors.torch
import sentencepiece
import tokenizers
import torch
from torch import Tensor, nn

from tests.export import tiny
from tests.export.corpus import Corpus
from tests.export.two_vocabularies import TOY
from tests.families.compare import ANY, Direction, Said

PAD, UNKNOWN, START, END = 0, 1, 2, 3

LIMIT = 40
"""Tokens of a translation."""

SPECIAL = {"pad_id": PAD, "unk_id": UNKNOWN, "bos_id": START, "eos_id": END}


def causal(length: int) -> Tensor:
    return torch.ones(length, length, dtype=torch.bool).triu(1)


class TiedModel(nn.Module):
    """One embedding for all; pre-norm, GELU, sinusoids as in the paper."""

    def __init__(self, vocabulary: int) -> None:
        super().__init__()
        self.transformer = nn.Transformer(
            32, 4, 2, 3, 48, 0.0, activation="gelu", batch_first=True, norm_first=True
        )
        self.embedding = nn.Embedding(vocabulary, 32, padding_idx=PAD)
        self.generator = nn.Linear(32, vocabulary)
        nn.init.normal_(self.embedding.weight, std=32**-0.5)
        self.generator.weight = self.embedding.weight
        angles = torch.arange(96)[:, None] * torch.exp(
            torch.arange(0, 32, 2) * (-math.log(10000.0) / 32)
        )
        table = torch.stack([angles.sin(), angles.cos()], dim=2).flatten(1)
        self.register_buffer("table", table, persistent=False)

    def forward(self, sources: Tensor, targets: Tensor) -> Tensor:
        padding = sources == PAD
        x: Tensor = self.transformer(
            self._embed(sources),
            self._embed(targets),
            tgt_mask=causal(targets.shape[1]),
            src_key_padding_mask=padding,
            memory_key_padding_mask=padding,
        )
        logits: Tensor = self.generator(x)
        return logits

    def _embed(self, ids: Tensor) -> Tensor:
        embedded: Tensor = self.embedding(ids) * math.sqrt(32)
        return embedded + self.table[: ids.shape[1]]  # type: ignore[index] # a buffer


class ApartModel(nn.Module):
    """Nothing tied and no biases; post-norm, ReLU, learned positions, time before batch."""

    def __init__(self, sources: int, targets: int) -> None:
        super().__init__()
        self.net = nn.Transformer(40, 2, 3, 1, 56, 0.0, layer_norm_eps=1e-3, bias=False)
        self.src_emb = nn.Embedding(sources, 40)
        self.tgt_emb = nn.Embedding(targets, 40)
        self.src_pos = nn.Parameter(torch.randn(112, 1, 40) * 0.3)
        self.tgt_pos = nn.Parameter(torch.randn(104, 1, 40) * 0.3)
        self.to_words = nn.Linear(40, targets, bias=False)
        self.register_buffer("seen", torch.tensor(12345))  # no part of the model

    def forward(self, sources: Tensor, targets: Tensor) -> Tensor:
        padding = sources == PAD
        sources, targets = sources.t(), targets.t()
        x: Tensor = self.net(
            self.src_emb(sources) + self.src_pos[: len(sources)],
            self.tgt_emb(targets) + self.tgt_pos[: len(targets)],
            tgt_mask=causal(len(targets)),
            src_key_padding_mask=padding,
            memory_key_padding_mask=padding,
        )
        logits: Tensor = self.to_words(x)
        return logits.transpose(0, 1)


class HalvesModel(nn.Module):
    """Encoder and decoder by themselves without last norms; post-norm, GELU, Marian's sinusoids."""

    def __init__(self, vocabulary: int) -> None:
        super().__init__()
        settings: dict[str, Any] = {"activation": "gelu", "batch_first": True, "dropout": 0.0}
        self.reader = nn.TransformerEncoder(nn.TransformerEncoderLayer(24, 3, 64, **settings), 2)
        self.writer = nn.TransformerDecoder(nn.TransformerDecoderLayer(24, 3, 64, **settings), 2)
        self.words = nn.Embedding(vocabulary, 24)
        self.head = nn.Linear(24, vocabulary)
        angles = torch.arange(96)[:, None] / 10000 ** (torch.arange(0, 24, 2) / 24)
        table = torch.cat([angles.sin(), angles.cos()], dim=1)
        self.register_buffer("table", table, persistent=False)

    def forward(self, sources: Tensor, targets: Tensor) -> Tensor:
        padding = sources == PAD
        places: Any = self.table
        memory = self.reader(
            self.words(sources) + places[: sources.shape[1]], src_key_padding_mask=padding
        )
        x = self.writer(
            self.words(targets) + places[: targets.shape[1]],
            memory,
            tgt_mask=causal(targets.shape[1]),
            memory_key_padding_mask=padding,
        )
        logits: Tensor = self.head(x)
        return logits


class Tokens(NamedTuple):
    """A tokenizer as its own library has it."""

    encode: Callable[[str], list[int]]
    encode_target: Callable[[str], list[int]]
    decode: Callable[[list[int]], str]
    sizes: tuple[int, int]


def _pieces(path: Path) -> Any:
    return sentencepiece.SentencePieceProcessor(model_file=str(path))


def _stripped(model: Any) -> Callable[[list[int]], str]:
    return lambda ids: str(model.decode(ids)).strip()


def one_model(path: Path, corpus: Corpus = TOY) -> Tokens:
    """One sentencepiece model for both languages, with its own ids."""
    (path / "source.spm").write_bytes(
        tiny.train_pieces(corpus.texts, vocab_size=corpus.size(230), **SPECIAL)
    )
    own = _pieces(path / "source.spm")
    return Tokens(own.encode, own.encode, _stripped(own), (len(own), len(own)))


def two_models(path: Path, corpus: Corpus = TOY) -> Tokens:
    """One of each language."""
    for name, texts, size in (
        ("source.spm", corpus.english, 150),
        ("target.spm", corpus.german, 170),
    ):
        trained = tiny.train_pieces(texts, vocab_size=corpus.size(size), **SPECIAL)
        (path / name).write_bytes(trained)
    source, target = (_pieces(path / f"{side}.spm") for side in ("source", "target"))
    return Tokens(source.encode, target.encode, _stripped(target), (len(source), len(target)))


def library(path: Path, corpus: Corpus = TOY) -> Tokens:
    """Pieces of bytes of the tokenizers library."""
    trained = tokenizers.ByteLevelBPETokenizer()
    special = ["<pad>", "<unk>", "<s>", "</s>"]
    trained.train_from_iterator(
        corpus.texts, vocab_size=corpus.size(400), special_tokens=special, show_progress=False
    )
    trained.save(str(path / "tokenizer.json"))
    size = trained.get_vocab_size()

    def encode(text: str) -> list[int]:
        ids: list[int] = trained.encode(text).ids
        return ids

    return Tokens(encode, encode, trained.decode, (size, size))


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A model to make."""

    tokens: Callable[[Path, Corpus], Tokens]
    model: Callable[[Tokens], nn.Module]
    settings: Mapping[str, Any]
    """Of its description, beside those that all have."""
    is_framed: bool = False
    """Whether sources begin with the start token."""
    save: Callable[[nn.Module, Path], object]

    def make(self, path: Path, corpus: Corpus = TOY) -> Path:
        """Writes the folder."""
        path.mkdir()
        tokens = self.tokens(path, corpus)
        torch.manual_seed(5)
        model = self.model(tokens)
        self._train(model, tokens, corpus)
        self.save(model, path)
        settings = {
            "decoder_start_id": START,
            "end_id": END,
            "unknown_id": UNKNOWN,
            "pad_id": PAD,
            "source_language": "en",
            "target_language": "de",
            "max_decoding_length": LIMIT,
            "source_prefix_ids": [START] if self.is_framed else [],
            **self.settings,
        }
        (path / "nn-transformer.json").write_text(json.dumps(settings))
        return path

    def framed(self, tokens: Tokens, text: str) -> list[int]:
        """The tokens of a source."""
        return [*([START] if self.is_framed else []), *tokens.encode(text), END]

    def _train(self, model: nn.Module, tokens: Tokens, corpus: Corpus) -> None:
        if corpus.steps == 0:
            tiny.disturb(model)
            return
        batches = [
            (
                padded([self.framed(tokens, text) for text in part.english]),
                padded([[START, *tokens.encode_target(text), END] for text in part.german]),
            )
            for part in corpus.chunks()
        ]
        optimizer = torch.optim.Adam(model.parameters(), lr=3e-3, foreach=True)
        for step in range(corpus.steps_of(60)):
            sources, targets = batches[step % len(batches)]
            logits = model(sources, targets[:, :-1])
            loss = nn.functional.cross_entropy(
                logits.flatten(0, 1), targets[:, 1:].flatten(), ignore_index=PAD
            )
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()


def padded(rows: Sequence[Sequence[int]]) -> Tensor:
    longest = max(map(len, rows))
    return torch.tensor([[*row, *[PAD] * (longest - len(row))] for row in rows])


def _save_training(model: nn.Module, path: Path) -> None:
    training = {"step": 60, "model": {"core": model.state_dict()}, "optimizer": {"lr": 0.1}}
    torch.save(training, path / "model.pt")


KINDS = {
    "tied": Kind(
        tokens=one_model,
        model=lambda tokens: TiedModel(tokens.sizes[0]),
        is_framed=True,
        save=lambda model, path: torch.save(model.state_dict(), path / "model.pt"),
        settings={
            "transformer": {
                "d_model": 32,
                "nhead": 4,
                "num_decoder_layers": 3,
                "activation": "gelu",
                "norm_first": True,
                "batch_first": True,
            },
            "tensors": {
                "source_embedding": "embedding.weight",
                "output_weight": "generator.weight",
                "output_bias": "generator.bias",
            },
            "embedding_scale": "sqrt(model_dim)",
            "max_positions": 96,
        },
    ),
    "apart": Kind(
        tokens=two_models,
        model=lambda tokens: ApartModel(*tokens.sizes),
        save=_save_training,
        settings={
            "transformer": {"nhead": 2, "layer_norm_eps": 1e-3, "bias": False},
            "tensors": {
                "prefix": "net.",
                "source_embedding": "src_emb.weight",
                "target_embedding": "tgt_emb.weight",
                "output_weight": "to_words.weight",
                "source_positions": "src_pos",
                "target_positions": "tgt_pos",
            },
            "state_dict_key": "model.core",
            "ignored_tensors": ["seen"],
            "positions": "stored",
        },
    ),
    "halves": Kind(
        tokens=library,
        model=lambda tokens: HalvesModel(tokens.sizes[0]),
        save=lambda model, path: safetensors.torch.save_file(
            model.state_dict(), path / "model.safetensors"
        ),
        settings={
            "transformer": {"nhead": 3, "activation": "gelu", "dim_feedforward": 64},
            "tensors": {
                "encoder_prefix": "reader.",
                "decoder_prefix": "writer.",
                "source_embedding": "words.weight",
                "output_weight": "head.weight",
                "output_bias": "head.bias",
            },
            "positions": "halves",
            "max_positions": 96,
        },
    ),
}


class Plain:
    """Search over a module, one sentence at a time and everything anew at each step.

    The rules are those of transformers' `generate`, version 5, in as few words as they take.
    """

    suppresses = False

    def __init__(self, checkpoint: Path, kind: Kind, scratch: Path, corpus: Corpus = TOY) -> None:
        self._corpus = corpus
        self._checkpoint = checkpoint
        self._scratch = scratch
        self._kind = kind
        self._closest: dict[tuple[str, int], float] = {}

    @cached_property
    def tokens(self) -> Tokens:
        return self._kind.tokens(self._scratch, self._corpus)

    @cached_property
    def module(self) -> nn.Module:
        module = self._kind.model(self.tokens)
        files = [self._checkpoint / name for name in ("model.pt", "model.safetensors")]
        if files[0].exists():
            state = torch.load(files[0], weights_only=True)
            state = state["model"]["core"] if "model" in state else state
        else:
            state = safetensors.torch.load_file(files[1])
        module.load_state_dict(state)
        return module.eval()

    def source(self, text: str) -> list[int]:
        return self._kind.framed(self.tokens, text)

    def translate(
        self,
        texts: Sequence[str],
        beam_size: int,
        direction: Direction = ANY,  # noqa: ARG002 - there is one
    ) -> list[Said]:
        """Translates one after the other."""
        return [self._translate(text, beam_size) for text in texts]

    def closest(
        self,
        text: str,
        beam_size: int,
        direction: Direction = ANY,  # noqa: ARG002 - there is one
    ) -> float:
        """How near another choice came, in the search that `translate` made."""
        return self._closest[text, beam_size]

    def _translate(self, text: str, beam_size: int) -> Said:
        search = self._greedy if beam_size == 1 else self._beam
        ids, score, closest = search(self.source(text), beam_size)
        self._closest[text, beam_size] = closest
        shown = [token for token in ids if token not in (PAD, UNKNOWN, START)]
        return Said(self.tokens.decode(shown), len(ids), score, tuple(ids))

    @torch.inference_mode()
    def log_probs(
        self,
        texts: Sequence[str],
        targets: Sequence[Sequence[int]],
        direction: Direction = ANY,  # noqa: ARG002 - there is one
    ) -> list[list[float]]:
        """Of every token of each target, given those before it; the end token is one of them."""
        scores = []
        for text, target in zip(texts, targets, strict=True):
            said = torch.tensor([[START, *target[:-1]]])
            logits = self.module(torch.tensor([self.source(text)]), said)[0]
            found = logits.log_softmax(1).gather(1, torch.tensor(target)[:, None])
            scores.append([float(each) for each in found[:, 0]])
        return scores

    @torch.inference_mode()
    def _next(self, source: list[int], said: list[list[int]]) -> Tensor:
        """Log-probabilities of what may come next, (hypotheses, vocab)."""
        targets = torch.tensor([[START, *each] for each in said])
        logits: Tensor = self.module(torch.tensor([source] * len(said)), targets)
        return logits[:, -1].log_softmax(dim=1)

    def _greedy(self, source: list[int], _beam_size: int) -> tuple[list[int], None, float]:
        said: list[int] = []
        closest = math.inf
        while len(said) < LIMIT:
            best = self._next(source, [said])[0].topk(2)
            closest = min(closest, float(best.values[0] - best.values[1]))
            token = int(best.indices[0])
            if token == END:
                break
            said.append(token)
        return said, None, closest

    def _beam(self, source: list[int], beam_size: int) -> tuple[list[int], float, float]:
        running: list[tuple[float, list[int]]] = [(0.0, [])]
        finished: list[tuple[float, list[int]]] = []
        closest = math.inf
        for length in range(LIMIT + 1):
            if length == LIMIT:  # the end is forced, at no cost
                longer = [(score, [*said, END]) for score, said in running]
            else:
                scores = self._next(source, [said for _, said in running])
                best = scores.topk(2 * beam_size + 1, dim=1)
                longer = [
                    (score + float(more), [*said, int(token)])
                    for (score, said), values, ids in zip(
                        running, best.values, best.indices, strict=True
                    )
                    for more, token in zip(values, ids, strict=True)
                ]
            longer.sort(key=lambda one: -one[0])
            looked_at = longer[: 2 * beam_size]
            finished += [
                (score / len(said), said[:-1])
                for score, said in looked_at[:beam_size]
                if said[-1] == END
            ]
            finished = sorted(finished, key=lambda one: -one[0])[:beam_size]
            running = [one for one in looked_at if one[1][-1] != END][:beam_size]
            if not running:
                break
            going = [one for one in longer if one[1][-1] != END]
            closest = min(closest, going[beam_size - 1][0] - going[beam_size][0])
            is_full = len(finished) == beam_size
            if is_full and running[0][0] / (length + 1) <= finished[-1][0]:
                break
        margin = finished[0][0] - finished[1][0] if len(finished) > 1 else math.inf
        return finished[0][1], finished[0][0], min(closest, margin)
