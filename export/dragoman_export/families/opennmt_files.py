"""Reads what OpenNMT-py writes: a checkpoint of settings, vocabularies and tensors.

The tensors are in it, or in safetensors beside it. Nothing is unpickled but tensors, plain
containers and `argparse.Namespace`, which is one. Knows formats; does not know what a setting or a
tensor is for.
"""

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from torch import Tensor

from dragoman_export.checkpoints import Settings, read_weights
from dragoman_export.checkpoints.files import refuse_pointers
from dragoman_export.checkpoints.training import load_training
from dragoman_export.checkpoints.weights import Weights, checked
from dragoman_export.errors import CheckpointError, Problems
from dragoman_export.families.opennmt_tokens import Specials, are_tokens

MARKS = (b"vocab", b"opt", b"encoder_type")
"""What is in every checkpoint, before its tensors."""

HEAD = 1 << 26
"""Bytes that hold the largest vocabularies."""

GENERATOR = "generator."
"""Begins the names of the output projection's tensors."""

CONVERT = """convert it where the OpenNMT-py that wrote it is installed, and put converted.pt in its place:
    import argparse, torch
    state = torch.load("{name}", map_location="cpu", weights_only=False)
    old = state["vocab"] if isinstance(state["vocab"], dict) else dict(state["vocab"])
    def tokens(side):
        if isinstance(old[side], list):
            return [old[side]]
        fields = [each for _, each in getattr(old[side], "fields", [(side, old[side])])]
        return [list(getattr(each, "vocab", each).itos) for each in fields]
    (src, *feats), (tgt, *_) = tokens("src"), tokens("tgt")
    plain = (str, int, float, bool, list)
    opt = {{k: v for k, v in vars(state["opt"]).items() if isinstance(v, plain)}}
    state = {{"model": dict(state["model"]), "generator": dict(state["generator"]), "opt": opt}}
    torch.save({{"vocab": {{"src": src, "tgt": tgt, "src_feats": feats}}, **state}}, "converted.pt")
CTranslate2's ct2-opennmt-py-converter makes a model of it that can be exported, too"""  # noqa: E501
"""What makes a file of plain containers of any checkpoint; versions 1 and 2 have torchtext's."""

OLD_NORMS = {".a_2": ".weight", ".b_2": ".bias"}
"""Ends the names of tensors of norms that versions before 1 wrote themselves."""


class State(NamedTuple):
    """What a checkpoint holds."""

    file: Path

    settings: Settings
    """`opt`: of the model and of its training."""

    sources: Sequence[str]
    """Tokens by their ids."""

    targets: Sequence[str]

    start_token: str
    """What the decoder starts with."""

    loaded: Mapping[str, Any]
    """All of it."""

    def read_weights(self) -> Weights:
        """Tensors as they are stored, those of the generator with its name before theirs.

        Raises:
            CheckpointError: They are missing, damaged or no numbers.
        """
        return _read_weights(self.file, self.loaded)


def find_checkpoints(path: Path) -> list[Path]:
    """The files in a folder that look like checkpoints of OpenNMT-py."""
    return [file for file in sorted(path.glob("*.pt")) if _has_marks(file)]


def _has_marks(file: Path) -> bool:
    try:
        with file.open("rb") as opened:
            head = opened.read(HEAD)
    except OSError:
        return False
    return all(mark in head for mark in MARKS)


def read_state(path: Path) -> State:
    """Reads the checkpoint of a folder that has one.

    Raises:
        CheckpointError: There are several; it is damaged, needs more than plain containers, or
            lacks a part; of its weights all that is wrong is told then, too.
    """
    file, *others = find_checkpoints(path)
    if others:
        names = ", ".join(each.name for each in (file, *others))
        raise CheckpointError(f"{path} has several checkpoints, {names}; leave one of them there")
    loaded = _load(file)
    vocab, opt = loaded.get("vocab"), loaded.get("opt")
    settings = vars(opt) if isinstance(opt, argparse.Namespace) else opt
    found = []
    if not isinstance(settings, dict):
        found.append("it has no opt, the settings of the model")
    if not isinstance(vocab, dict) or not all(are_tokens(vocab.get(s)) for s in ("src", "tgt")):
        found.append("it has no vocab of two lists of tokens, src and tgt")
    elif vocab.get("src_feats"):
        found.append("sources have features (src_feats), which are not supported")
    elif not isinstance(start := vocab.get("decoder_start_token", Specials().start), str):
        found.append(f"decoder_start_token is {start!r}; the name of a token is needed")
    problems = Problems()
    problems.note(f"{file} is not a checkpoint of OpenNMT-py that can be exported:", found)
    if problems:
        with problems.noted():
            _read_weights(file, loaded)
    problems.require_none()
    assert isinstance(settings, dict)
    assert isinstance(vocab, dict)
    return State(file, settings, vocab["src"], vocab["tgt"], start, loaded)


def _load(file: Path) -> dict[str, Any]:
    loaded = load_training(file, CONVERT)
    if not isinstance(loaded, dict):
        raise CheckpointError(f"{file} is no checkpoint of OpenNMT-py: it holds no dict")
    return loaded


def _read_weights(file: Path, loaded: Mapping[str, Any]) -> Weights:
    files, tensors = _tensors(file, loaded)
    return checked(tensors, files)


def _tensors(file: Path, loaded: Mapping[str, Any]) -> tuple[list[Path], dict[str, Tensor]]:
    """Of the file, or of safetensors beside it; and which files these are."""
    if "model" in loaded:
        named = _named(loaded["model"]) | _named(loaded.get("generator"), GENERATOR)
        return [file], {_renamed(name): tensor for name, tensor in named.items()}
    beside = sorted(file.parent.glob(f"{file.stem}.safetensors"))
    beside = beside or sorted(file.parent.glob(f"{file.stem}.*.safetensors"))
    if not beside:
        raise CheckpointError(f"{file} has no model, and there is no {file.stem}.safetensors")
    refuse_pointers(beside)
    return [file, *beside], {**read_weights(beside).tensors}


def _named(tensors: object, prefix: str = "") -> dict[str, Tensor]:
    named = tensors.items() if isinstance(tensors, Mapping) else ()
    return {
        f"{prefix}{name}": tensor
        for name, tensor in named
        if isinstance(name, str) and isinstance(tensor, Tensor)
    }


def _renamed(name: str) -> str:
    """As versions since the third call it: the generator was the first of a sequence."""
    for old, new in OLD_NORMS.items():
        if name.endswith(old):
            return name.removesuffix(old) + new
    return name.replace("generator.0.", GENERATOR)
