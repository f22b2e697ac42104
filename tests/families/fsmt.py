"""Makes tiny FSMT checkpoints with unlike settings, trained for a moment."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
import transformers

from tests.export import tiny
from tests.export.corpus import Corpus
from tests.export.subwords import (
    END_ID,
    PAD_ID,
    TOY,
    doubled,
    fsmt_tokenizer,
    padded,
    target_ids,
    write_fsmt_tokenizer,
)

SIZES: Mapping[str, Any] = {
    "d_model": 32,
    "encoder_layers": 2,
    "decoder_layers": 1,
    "encoder_attention_heads": 2,
    "decoder_attention_heads": 4,
    "encoder_ffn_dim": 48,
    "decoder_ffn_dim": 64,
    "max_position_embeddings": 80,
    "init_std": 0.15,
    "dropout": 0.0,
}


class Kind(NamedTuple):
    """What is unlike in a checkpoint."""

    settings: Mapping[str, Any]
    """Of config.json."""

    tokenizer: Mapping[str, Any]
    """Of tokenizer_config.json, and whether there is one vocabulary."""

    generation: Mapping[str, Any]
    """Of generation_config.json."""

    trained_positions: bool
    """Whether positions are trained, as transformers does it, or left out of the file."""

    steps: int
    """Of training: enough to come to an end, too few to say nothing but what it was told."""


KINDS = {
    "wmt19": Kind({}, {}, {"bad_words_ids": [[PAD_ID]]}, trained_positions=True, steps=60),
    "tied": Kind(
        {
            "tie_word_embeddings": True,
            "scale_embedding": False,
            "activation_function": "gelu",
            "encoder_layers": 1,
            "decoder_layers": 2,
        },
        {"one_vocabulary": True, "do_lower_case": True},
        {},
        trained_positions=False,
        steps=40,
    ),
}


def make_checkpoint(path: Path, kind: Kind, corpus: Corpus = TOY) -> Path:
    path.mkdir()
    write_fsmt_tokenizer(path, corpus, **kind.tokenizer)
    tokenizer = fsmt_tokenizer(path)
    config = transformers.FSMTConfig(
        langs=["en", "de"],
        src_vocab_size=len(tokenizer.encoder),
        tgt_vocab_size=len(tokenizer.decoder),
        **{**SIZES, **kind.settings},
    )
    torch.manual_seed(3)
    model = transformers.FSMTForConditionalGeneration(config)
    for side in (model.model.encoder, model.model.decoder):
        side.embed_positions.requires_grad_(kind.trained_positions)
    if corpus.steps == 0:
        tiny.disturb(model)
    else:
        _train(model, tokenizer, path, corpus._replace(steps=corpus.steps_of(kind.steps)))
    model.generation_config = transformers.GenerationConfig(
        max_length=corpus.max_length or 60,
        pad_token_id=PAD_ID,
        eos_token_id=END_ID,
        forced_eos_token_id=END_ID,
        decoder_start_token_id=END_ID,
        **(
            kind.generation if corpus.steps != 0 else {}
        ),  # a probability of what is not said counts
    )
    state = model.state_dict()
    if not kind.trained_positions:
        state = {name: each for name, each in state.items() if "embed_positions" not in name}
    model.save_pretrained(path, state_dict=state)
    return path


def _train(model: Any, tokenizer: Any, path: Path, corpus: Corpus) -> None:
    """On sentences, and on two of them at a time, so that it says more than a few things."""
    if corpus.english is TOY.english:
        english, german = (doubled(texts) for texts in corpus[:2])
        corpus = corpus._replace(english=english, german=german)
    batches = []
    for part in corpus.chunks():
        targets = target_ids(path, part.german)
        said, labels = padded([[END_ID, *row[:-1]] for row in targets]), padded(targets, -100)
        batches.append(
            (tokenizer([*part.english], return_tensors="pt", padding=True), said, labels)
        )
    optimizer = torch.optim.Adam(model.parameters(), lr=4e-3, foreach=True)
    model.train()
    for step in range(corpus.steps or 0):
        sources, said, labels = batches[step % len(batches)]
        logits = model(**sources, decoder_input_ids=said, use_cache=False).logits
        loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), labels.flatten())
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call] # torch has no types for it
        optimizer.step()
    model.eval()
