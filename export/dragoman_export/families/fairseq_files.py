"""Reads what fairseq writes: a checkpoint of settings and tensors, dictionaries, BPE codes.

Nothing is unpickled but tensors, plain containers and `argparse.Namespace`, which is one. Knows
formats; does not know what a setting or a tensor is for.
"""

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from torch import Tensor

from dragoman.tokenizer.subwords import END_OF_WORD
from dragoman_export.checkpoints import Settings
from dragoman_export.checkpoints.training import load_training
from dragoman_export.checkpoints.weights import checked
from dragoman_export.errors import CheckpointError

CHECKPOINTS = ("model.pt", "checkpoint.pt", "checkpoint_best.pt", "checkpoint_last.pt")
"""In the order in which they are looked for."""

SPECIAL = ("<s>", "<pad>", "</s>", "<unk>")
"""Pieces that every dictionary begins with, though its file does not say so."""

OVERWRITE = "#fairseq:overwrite"
CONTINUES = "@@"
"""Ends a subword that is not the last of its word."""

CONVERT = """convert it where fairseq is installed, and put converted.pt in its place:
    import argparse, torch
    state = torch.load("{name}", map_location="cpu", weights_only=False)
    cfg = state.get("cfg") or {{"task": {{}}, "model": state["args"]}}
    parts = [cfg["task"], cfg["model"]]
    task, model = [vars(p) if isinstance(p, argparse.Namespace) else dict(p) for p in parts]
    args = {{"task": task.get("_name"), "arch": model.get("_name"), **task, **model}}
    def plain(value):
        if isinstance(value, (str, int, float, bool)):
            return value
        if hasattr(value, "items"):
            return {{str(key): plain(each) for key, each in value.items()}}
        return [plain(each) for each in value] if hasattr(value, "__iter__") else None
    args = plain(args)
    torch.save({{"args": args, "model": dict(state["model"])}}, "converted.pt")"""
"""What makes a file of plain containers of any checkpoint."""


class State(NamedTuple):
    """What a checkpoint holds."""

    file: Path

    settings: Settings
    """Of the model, `args` or `cfg.model`; and of the task, which names the languages."""

    tensors: Mapping[str, Tensor]
    """As they are stored."""

    sha256: str
    """Of the file, in lower-case hexadecimal."""


def find_checkpoint(path: Path) -> Path | None:
    """The file that holds the weights, if there is one."""
    return next((path / name for name in CHECKPOINTS if (path / name).is_file()), None)


def read_state(file: Path) -> State:
    """Reads a checkpoint.

    Raises:
        CheckpointError: It is damaged, needs more than plain containers, or is none of fairseq's.
    """
    loaded = load_training(file, CONVERT)
    if not isinstance(loaded, dict) or not isinstance(loaded.get("model"), Mapping):
        raise CheckpointError(f"{file} is no checkpoint of fairseq: it has no model")
    tensors = {
        name: tensor
        for name, tensor in loaded["model"].items()
        if isinstance(name, str) and isinstance(tensor, Tensor)
    }
    weights = checked(tensors, [file])
    return State(file, _settings(file, loaded), weights.tensors, weights.sha256)


def _settings(file: Path, loaded: Mapping[str, Any]) -> Settings:
    """`args` of older checkpoints; `cfg` of newer ones, the model's and the task's together."""
    args, cfg = _plain(loaded.get("args")), _plain(loaded.get("cfg"))
    task, model = _plain(cfg.get("task")), _plain(cfg.get("model"))
    named = {"task": task.get("_name"), "arch": model.get("_name")}
    settings = {**named, **task, **model, **args}
    if not (model or args):
        raise CheckpointError(f"{file} is no checkpoint of fairseq: it has no args and no cfg")
    return {name: value for name, value in settings.items() if value is not None}


def _plain(settings: object) -> Settings:
    if isinstance(settings, argparse.Namespace):
        return vars(settings)
    return settings if isinstance(settings, dict) else {}


def read_dictionary(file: Path) -> dict[str, int]:
    """Pieces and their ids, the special ones first.

    Source: fairseq's `Dictionary.add_from_file`.

    Raises:
        CheckpointError: It cannot be read, or has a line that is no piece and its count.
    """
    ids = {piece: i for i, piece in enumerate(SPECIAL)}
    count = len(ids)
    for number, line in enumerate(read_lines(file), start=1):
        piece, _, field = line.rstrip().rpartition(" ")
        overwrites = field == OVERWRITE
        if overwrites:
            piece, _, field = piece.rpartition(" ")
        if not piece or not field.isdecimal():
            raise CheckpointError(
                f"{file}: line {number} is {line!r}; a piece and its count needed"
            )
        if piece in ids and not overwrites:
            raise CheckpointError(f"{file}: line {number} has {piece!r} once more")
        ids[piece] = count
        count += 1
    return ids


def read_merges(file: Path) -> str:
    """Merges of BPE codes by subword-nmt or fastBPE, a pair on each line, each once.

    Raises:
        CheckpointError: It cannot be read, or is of subword-nmt's first format.
    """
    lines = [line for line in read_lines(file) if not line.startswith("#version")]
    pairs = [tuple(line.split(" ")[:2]) for line in lines if line.strip()]
    if any(END_OF_WORD in pair for pair in pairs):
        raise CheckpointError(
            f"{file} is of subword-nmt's format 0.1, which is not supported; 0.2 is"
        )
    return "".join(f"{' '.join(pair)}\n" for pair in dict.fromkeys(pairs))


def with_word_ends(ids: Mapping[str, int]) -> dict[str, int]:
    """Pieces of a dictionary as merges spell them: what ends a word is marked, not what goes on."""
    return {
        piece
        if piece in SPECIAL
        else piece.removesuffix(CONTINUES)
        if piece.endswith(CONTINUES)
        else piece + END_OF_WORD: i
        for piece, i in ids.items()
    }


def read_lines(file: Path) -> list[str]:
    """Lines of a text.

    Raises:
        CheckpointError: It cannot be read.
    """
    try:
        return file.read_text(encoding="utf-8").rstrip("\n").split("\n")
    except (OSError, ValueError) as error:
        raise CheckpointError(f"cannot read {file}: {error}") from error
