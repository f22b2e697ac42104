"""Trains a translation model around torch.nn.Transformer, ready for `dragoman export`.

    python examples/train_transformer.py --source train.en --target train.de \
        --source-language en --target-language de --output my-model
    dragoman export my-model --output bundles/my-model

The corpus is two text files, one sentence a line. Called again it goes on where it stopped. The
recipe is that of Vaswani et al. 2017, pre-norm: Adam, warm-up and inverse square root, label
smoothing. The defaults suit some hundred thousand sentences and one GPU.
"""

import argparse
import json
import math
import warnings
from pathlib import Path

import sentencepiece
import torch
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from torch import Tensor, nn

PAD, UNKNOWN, START, END = 0, 1, 2, 3
MAX_POSITIONS = 256
SAVE_EVERY = 500
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"


class Translator(nn.Module):
    """An nn.Transformer with one embedding for sources, targets and the output projection."""

    def __init__(self, vocabulary: int, dim: int, heads: int, layers: int, hidden: int) -> None:
        super().__init__()
        self.dim = dim
        self.embedding = nn.Embedding(vocabulary, dim)
        nn.init.normal_(self.embedding.weight, std=dim**-0.5)
        self.transformer = nn.Transformer(
            dim, heads, layers, layers, hidden, dropout=0.1, batch_first=True, norm_first=True
        )
        self.dropout = nn.Dropout(0.1)
        self.register_buffer("positions", sinusoids(MAX_POSITIONS, dim), persistent=False)

    def forward(self, sources: Tensor, targets: Tensor) -> Tensor:
        """Token ids (batch, source) and (batch, target) -> logits (batch, target, vocabulary)."""
        padding = sources == PAD
        length = targets.shape[1]
        future = torch.ones(length, length, dtype=torch.bool, device=targets.device).triu(1)
        x = self.transformer(
            self.embed(sources),
            self.embed(targets),
            tgt_mask=future,
            src_key_padding_mask=padding,
            memory_key_padding_mask=padding,
        )
        return nn.functional.linear(x, self.embedding.weight)

    def embed(self, token_ids: Tensor) -> Tensor:
        """Tokens and positions, (batch, length, dim)."""
        scaled = self.embedding(token_ids) * math.sqrt(self.dim)
        embedded: Tensor = self.dropout(scaled + self.get_buffer("positions")[: scaled.shape[1]])
        return embedded


def sinusoids(positions: int, dim: int) -> Tensor:
    """Sines in the even columns, cosines in the odd ones: "interleaved" in the description."""
    angles = torch.arange(positions)[:, None] / 10000 ** (torch.arange(0, dim, 2) / dim)
    return torch.stack([angles.sin(), angles.cos()], dim=2).flatten(1)


def read_corpus(options: argparse.Namespace) -> list[tuple[list[int], list[int]]]:
    """Token ids of all pairs, shortest first; trains the tokenizer where there is none yet."""
    paths = (options.source, options.target)
    lines = [path.read_text(encoding="utf-8").removesuffix("\n").split("\n") for path in paths]
    if len(lines[0]) != len(lines[1]):
        raise SystemExit(f"{paths[0]} has {len(lines[0])} lines, {paths[1]} {len(lines[1])}")
    model = options.output / "source.spm"  # for both languages, as there is no target.spm
    if not model.exists():
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter([*lines[0], *lines[1]]),
            model_prefix=str(model.with_suffix("")),
            vocab_size=options.vocabulary,
            pad_id=PAD,
            unk_id=UNKNOWN,
            bos_id=START,
            eos_id=END,
            minloglevel=2,
        )
        model.with_suffix(".model").rename(model)
    pieces = sentencepiece.SentencePieceProcessor(model_file=str(model))
    encoded = zip(pieces.encode(lines[0]), pieces.encode(lines[1]), strict=True)
    pairs = [([*source, END], [START, *target, END]) for source, target in encoded]
    kept = [pair for pair in pairs if max(map(len, pair)) <= MAX_POSITIONS]
    print(
        f"{len(kept)} pairs; {len(pairs) - len(kept)} of more than {MAX_POSITIONS} tokens left out"
    )
    return sorted(kept, key=lambda pair: (len(pair[1]), len(pair[0])))


def batch(pairs: list[tuple[list[int], list[int]]], size: int, step: int) -> tuple[Tensor, Tensor]:
    """Neighbours of like lengths; `step` alone says which, so that a resumed run has the same.

    Fewer than `size` at either end of the corpus: so all pairs are as likely.
    """
    generator = torch.Generator().manual_seed(step)
    last = int(torch.randint(1, len(pairs) + size, (1,), generator=generator))
    chosen = pairs[max(0, last - size) : last]
    sides = ([source for source, _ in chosen], [target for _, target in chosen])
    sources, targets = (
        nn.utils.rnn.pad_sequence([torch.tensor(row) for row in side], True, PAD) for side in sides
    )
    return sources.to(DEVICE), targets.to(DEVICE)


def train(
    model: Translator, pairs: list[tuple[list[int], list[int]]], options: argparse.Namespace
) -> None:
    """Trains up to `options.steps`, from the last checkpoint if there is one."""
    optimizer = torch.optim.Adam(model.parameters(), betas=(0.9, 0.98), eps=1e-9)
    checkpoint, step = options.output / "training.pt", 0
    if checkpoint.exists():
        saved = torch.load(checkpoint, map_location=DEVICE, weights_only=True)
        model.load_state_dict(saved["model"])
        optimizer.load_state_dict(saved["optimizer"])
        step = saved["step"]
    columns = (
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.description}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns) as progress:
        bar = progress.add_task("", total=options.steps, completed=step)
        while step < options.steps:
            step += 1
            torch.manual_seed(step)  # of dropout
            rate = options.learning_rate * min(
                step / options.warmup, (options.warmup / step) ** 0.5
            )
            for group in optimizer.param_groups:
                group["lr"] = rate
            sources, targets = batch(pairs, options.batch, step)
            logits = model(sources, targets[:, :-1])
            loss = nn.functional.cross_entropy(
                logits.flatten(0, 1),
                targets[:, 1:].flatten(),
                ignore_index=PAD,
                label_smoothing=0.1,
            )
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            if step % SAVE_EVERY == 0 or step == options.steps:
                state = {
                    "step": step,
                    "model": model.state_dict(),
                    "optimizer": optimizer.state_dict(),
                }
                torch.save(state, checkpoint.with_suffix(".new"))
                checkpoint.with_suffix(".new").replace(checkpoint)
            progress.update(bar, completed=step, description=f"loss {float(loss.detach()):.3f}")


def save(model: Translator, options: argparse.Namespace) -> None:
    """Writes the state dict, and what it does not say; docs/native-layout.md has every setting."""
    torch.save(model.state_dict(), options.output / "model.pt")
    description = {
        "transformer": {"nhead": options.heads, "norm_first": True},
        "tensors": {"source_embedding": "embedding.weight"},
        "positions": "interleaved",
        "max_positions": MAX_POSITIONS,
        "embedding_scale": "sqrt(model_dim)",
        "decoder_start_id": START,
        "end_id": END,
        "unknown_id": UNKNOWN,
        "pad_id": PAD,
        "suppressed_ids": [PAD, UNKNOWN, START],
        "source_language": options.source_language,
        "target_language": options.target_language,
    }
    (options.output / "nn-transformer.json").write_text(json.dumps(description, indent=2) + "\n")


def main(argv: list[str] | None = None) -> None:
    """Trains and saves."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for name in ("source", "target", "output"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    for name in ("source-language", "target-language"):
        parser.add_argument(f"--{name}", required=True, help="BCP-47 code")
    numbers = {"dim": 512, "heads": 8, "layers": 6, "hidden": 2048, "vocabulary": 16_000}
    for name, default in {**numbers, "batch": 128, "steps": 50_000, "warmup": 4000}.items():
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--learning-rate", type=float, default=7e-4, help="the highest")
    options = parser.parse_args(argv)
    options.output.mkdir(parents=True, exist_ok=True)
    # A remark on what nn.Transformer cannot do with norm_first.
    warnings.filterwarnings("ignore", message="enable_nested_tensor is True")
    pairs = read_corpus(options)
    size = len(sentencepiece.SentencePieceProcessor(model_file=str(options.output / "source.spm")))
    torch.manual_seed(0)
    model = Translator(size, options.dim, options.heads, options.layers, options.hidden).to(DEVICE)
    train(model, pairs, options)
    save(model, options)
    print(f"next: dragoman export {options.output} --output bundles/{options.output.name}")


if __name__ == "__main__":
    main()
