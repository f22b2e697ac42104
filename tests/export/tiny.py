"""Makes a tiny Marian checkpoint."""

import contextlib
import io
import json
import shutil
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import sentencepiece
import torch
import transformers

from dragoman_export.checkpoints import Checkpoint, Weights
from dragoman_export.export import ExportRequest
from dragoman_export.manifest import Precision

TEXTS = (
    "the small cat sat on the mat",
    "a house by the river is a good house",
    "where does the long road go",
    "she said that he would come on Monday",
    "nobody knows the trouble with numbers 1 2 3 4 5 6 7 8 9 0",
    "the quick brown fox jumps over the lazy dog",
)

SENTENCES = (
    "the cat",
    "where is the house by the river",
    "a",
    "he said that nobody knows where the long road goes on Monday",
    "quick foxes jump over 12 lazy dogs, the cat sat",
    "ß漢 is not in the vocabulary",
    "</s> <pad> and <unk> are text",
)

SHARPER = 2.0
"""What `disturb` multiplies the weights of attention by."""


@contextlib.contextmanager
def no_progress(_what: str) -> Iterator[None]:
    yield


def make_checkpoint(path: Path, activation: str = "relu", dim: int = 32) -> Path:
    path.mkdir()
    vocabulary = _make_tokenizer(path)
    pad_id = vocabulary["<pad>"]
    config = transformers.MarianConfig(
        vocab_size=len(vocabulary),
        d_model=dim,
        encoder_layers=2,
        decoder_layers=2,
        encoder_attention_heads=2,
        decoder_attention_heads=4,
        encoder_ffn_dim=48,
        decoder_ffn_dim=64,
        max_position_embeddings=64,
        activation_function=activation,
        scale_embedding=True,
        init_std=0.15,
        dropout=0.0,
        pad_token_id=pad_id,
        eos_token_id=0,
        decoder_start_token_id=pad_id,
        forced_eos_token_id=0,
    )
    torch.manual_seed(1)
    model = transformers.MarianMTModel(config)
    model.final_logits_bias.normal_()
    ids = padded_ids(path / "source.spm", vocabulary, TEXTS)
    train(model, [[ids, ids]], pad_id, steps=75)
    model.generation_config = transformers.GenerationConfig(
        max_length=24,
        bad_words_ids=[[pad_id]],
        pad_token_id=pad_id,
        eos_token_id=0,
        forced_eos_token_id=0,
        decoder_start_token_id=pad_id,
        num_beams=2,
    )
    model.save_pretrained(path)
    settings = {"source_lang": "en", "target_lang": "de", "tokenizer_class": "MarianTokenizer"}
    (path / "tokenizer_config.json").write_text(json.dumps(settings))
    return path


def padded_ids(model: Path, vocabulary: dict[str, int], texts: Iterable[str]) -> torch.Tensor:
    """Token ids of texts as a sentencepiece model cuts them, (texts, longest)."""
    pieces = sentencepiece.SentencePieceProcessor(model_file=str(model))
    unknown = vocabulary["<unk>"]
    cut = [pieces.encode(text, out_type=str) for text in texts]
    rows = [[*(vocabulary.get(piece, unknown) for piece in row), 0] for row in cut]
    longest = max(map(len, rows))
    pad_id = vocabulary["<pad>"]
    return torch.tensor([[*row, *[pad_id] * (longest - len(row))] for row in rows])


def train(model: Any, batches: Sequence[Sequence[torch.Tensor]], pad_id: int, steps: int) -> None:
    """Learns a few sentences: enough to say different things and to come to an end.

    Args:
        model: Marian's, as transformers has it.
        batches: Sources and targets, each (texts, longest), taken in turn.
        pad_id: Fills them up.
        steps: Of training.
    """
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3, foreach=True)
    for step in range(steps):
        sources, targets = batches[step % len(batches)]
        labels = targets.masked_fill(targets == pad_id, -100)
        mask = (sources != pad_id).long()
        loss = model(input_ids=sources, attention_mask=mask, labels=labels).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def disturb(model: Any) -> None:
    """Makes random weights say more: norms and biases, which begin as nothing, have some of their
    own, and attention looks at few tokens, so that the source matters."""
    for name, parameter in model.named_parameters():
        if parameter.dim() == 1:
            parameter.data += 0.2 * torch.randn_like(parameter)
        elif "attn" in name.lower() or "attention." in name.lower():
            parameter.data *= SHARPER
    model.eval()


def train_pieces(lines: Iterable[str], **settings: Any) -> bytes:
    """Returns a sentencepiece model of the lines, the same each time."""
    writer = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(lines),
        model_writer=writer,
        hard_vocab_limit=False,
        num_threads=1,
        minloglevel=2,
        **settings,
    )
    return writer.getvalue()


def pieces_of(model: bytes) -> list[str]:
    """All but the three that control it."""
    processor = sentencepiece.SentencePieceProcessor(model_proto=model)
    return [processor.id_to_piece(i) for i in range(3, processor.get_piece_size())]


def _make_tokenizer(path: Path) -> dict[str, int]:
    trained = train_pieces(TEXTS, vocab_size=150)
    for name in ("source.spm", "target.spm"):
        (path / name).write_bytes(trained)
    model = sentencepiece.SentencePieceProcessor(model_proto=trained)
    pieces = [model.id_to_piece(piece) for piece in range(model.get_piece_size())]
    ordinary = [piece for piece in pieces if piece not in {"<s>", "</s>", "<unk>"}]
    # More than one group of the top-k, and as many whatever sentencepiece makes of the texts.
    unused = [f"unused{number}" for number in range(262 - len(ordinary))]
    everything = ["</s>", "<unk>", *ordinary, *unused, "<pad>"]
    vocabulary = {piece: index for index, piece in enumerate(everything)}
    (path / "vocab.json").write_text(json.dumps(vocabulary))
    return vocabulary


def request(
    checkpoint: Path, output: Path, precision: Precision = "float32", *, attention: bool = False
) -> ExportRequest:
    return ExportRequest(
        checkpoint=checkpoint,
        output=output,
        precision=precision,
        sentences=SENTENCES,
        attention=attention,
    )


def held(config: dict[str, Any], tensors: dict[str, torch.Tensor]) -> Checkpoint:
    """A checkpoint that is nowhere on the disk."""
    checkpoint = Checkpoint(Path())
    checkpoint.config = config
    checkpoint.generation_config = checkpoint.tokenizer_config = {}
    checkpoint.weights = Weights(tensors, sha256="")
    return checkpoint


def copy_checkpoint(checkpoint: Path, copy: Path) -> Path:
    shutil.copytree(checkpoint, copy)
    return copy


def change_config(checkpoint: Path, **settings: object) -> None:
    path = checkpoint / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | settings))
