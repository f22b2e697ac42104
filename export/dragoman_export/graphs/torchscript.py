"""Writes TorchScript that says nothing of the machine and the process that made it.

PyTorch saves with each operator where in our sources it was called, by the paths of this machine,
and numbers modules by what was traced before. Both are left out here: the same weights give the
same bytes. Knows TorchScript's archives. Does not know what the graphs compute.
"""

import errno
import os
import shutil
from collections.abc import Sequence
from pathlib import Path

import torch

from dragoman_export.graphs.steady_file import steady_file

CODE, NAMESPACE = "code/", "__torch__"
"""Where an archive has the code of modules; below it PyTorch puts our module's name and a number.
"""

DEBUG = ".debug_pkl"
"""The end of a record that says where operators were called; nothing that loads a file needs it."""

VERSIONS = frozenset(("version", ".data/version"))
"""Records of which an archive has one: of the operators that it needs."""

BY_WRITER = VERSIONS | {"byteorder", ".data/serialization_id"}
"""Records that PyTorch's writer adds to every archive."""


def save_torchscript(traced: torch.jit.ScriptModule, inputs: Sequence[str], file: Path) -> None:
    """Freezes a traced module, calls its inputs what they are called, and writes it.

    Raises:
        OSError: It cannot be written, or there is no room for it twice: PyTorch, which writes it
            first, ends the process where a disk is full.
    """
    _, *values = traced.graph.inputs()  # the first is the module itself
    for value, name in zip(values, inputs, strict=True):
        value.setDebugName(name)
    _require_room(file, sum(each.nbytes for each in traced.parameters()))
    frozen = torch.jit.freeze(traced)
    whole = file.with_suffix(".whole")
    try:
        frozen.save(str(whole))
        _copy(whole, file)
        _give_up(frozen.graph, {id(each) for each in traced.parameters()})
    finally:
        whole.unlink(missing_ok=True)


def _copy(whole: Path, file: Path) -> None:
    """All but what tells of this machine; the one module, as it is frozen, moves up."""
    reader = torch._C.PyTorchFileReader(str(whole))  # noqa: SLF001 - PyTorch has no other
    names = [name for name in reader.get_all_records() if not name.endswith(DEBUG)]
    (code,) = (name for name in names if name.startswith(CODE))
    namespace = code.removeprefix(CODE).removesuffix(".py").replace("/", ".")
    (version,) = VERSIONS.intersection(names)
    with steady_file(file) as steady:
        writer = torch._C.PyTorchFileWriter(steady)  # noqa: SLF001
        writer.set_min_version(int(reader.get_record(version)))
        for name in names:
            if name in BY_WRITER:
                continue
            content = reader.get_record(name)
            if name in {code, "data.pkl"}:
                content = content.replace(namespace.encode(), NAMESPACE.encode())
            to = f"{CODE}{NAMESPACE}.py" if name == code else name
            writer.write_record(to, content, len(content))
        writer.write_end_of_file()


def _give_up(graph: torch.Graph, parameters: set[int]) -> None:
    """Takes a graph's constants from it: PyTorch keeps graphs for as long as the process lives.

    Those that are the model's very `parameters`, by their ids, are its owner's to give up.
    """
    for node in graph.nodes():
        if "value" in node.attributeNames() and node.kindOf("value") == "t":
            value = node.t("value")
            if id(value) not in parameters:
                value.data = torch.empty(0, dtype=value.dtype)


def _require_room(file: Path, size: int) -> None:
    free = shutil.disk_usage(file.parent).free
    if free < 2 * size:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(file))
