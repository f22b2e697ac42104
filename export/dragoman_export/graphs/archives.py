"""Writes PyTorch's archives, TorchScript and `.pt2`, saying nothing of the machine that made them.

PyTorch saves with each operator where in our sources it was called, by the paths of this machine,
and numbers modules by what was traced before. Both are left out here: the same weights give the
same bytes. Where one of its own files cannot be written, or a buffer raises, it ends the process:
what goes wrong is kept here until all is written. Knows archives. Does not know what graphs
compute.
"""

import errno
import io
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, BinaryIO, cast

import torch
from torch.export import ExportedProgram

CODE, NAMESPACE = "code/", "__torch__"
"""Where an archive has the code of modules; below it PyTorch puts our module's name and a number.
"""

DEBUG = ".debug_pkl"
"""The end of a record that says where operators were called; nothing that loads a file needs it."""

VERSIONS = frozenset(("version", ".data/version"))
"""Records of which an archive has one: of the operators that it needs."""

BY_WRITER = VERSIONS | {"byteorder", ".data/serialization_id"}
"""Records that PyTorch's writer adds to every archive."""

ASSERTION = torch.ops.aten._assert_tensor_metadata.default  # noqa: SLF001 - so it is called
"""That a tensor is of some type and device."""


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


def save_program(program: ExportedProgram, file: Path) -> None:
    """Writes what torch.export made, without what ties it to this machine.

    Raises:
        OSError: It cannot be written.
    """
    _forget_origin(program)
    with steady_file(file) as steady:
        torch.export.save(program, steady)


def _forget_origin(program: ExportedProgram) -> None:
    """Leaves out what ties a program to this machine.

    That is where in our sources operators were called, and assertions that tensors are of the
    device that was traced on.
    """
    for node in program.graph.nodes:
        for origin in ("stack_trace", "nn_module_stack", "source_fn_stack", "torch_fn"):
            node.meta.pop(origin, None)
        if node.target is ASSERTION:
            program.graph.erase_node(node)
    program.graph_module.recompile()


@contextmanager
def steady_file(path: Path) -> Iterator[IO[bytes]]:
    """Opens it anew.

    Raises:
        OSError: It cannot be opened, or something of it was not written.
    """
    with path.open("wb") as file:
        steady = _SteadyFile(file)
        yield cast("IO[bytes]", steady)
        file.flush()
    if steady.error is not None:
        raise steady.error


class _SteadyFile(io.RawIOBase):
    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.error: OSError | None = None
        """The first, after which nothing more is written."""

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._file.seek(offset, whence)

    def write(self, content: Any) -> int:  # noqa: ANN401 - whatever has bytes
        """Of all of it, as far as PyTorch is told."""
        try:
            if self.error is None:
                self._file.write(content)
        except OSError as error:
            self.error = error
        return memoryview(content).nbytes
