"""Reads CTranslate2's model.bin: named variables of a model, and other names for some of them.

Source of the format: CTranslate2, `python/ctranslate2/specs/model_spec.py` writes it and
`src/models/model.cc` reads it. Numbers are little-endian: uint32 version; text: what the model is;
uint32 revision; uint32 count of variables, of each text: name, uint8 rank, uint32 dimensions,
uint8 element type, uint32 bytes, and these; from version 3 on uint32 count of aliases, of each two
texts. A text is a uint16 count of bytes with a zero at the end, and these.

Knows the format, and that each row of an integer weight has a scale. Does not know what a variable
is for. Nothing is copied before it is asked for, and no length in the file is believed before it
is held against the file's own.
"""

import hashlib
import math
import mmap
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dragoman_export.checkpoints.files import refuse_pointers
from dragoman_export.errors import CheckpointError

VERSIONS = (4, 5, 6)
"""Of the format; CTranslate2 has written the last since its own version 3."""

ELEMENT_TYPES = ("float32", "int8", "int16", "int32", "float16", "bfloat16")
"""By their numbers in the file."""

DTYPES: dict[str, str] = {
    "float32": "<f4",
    "int8": "<i1",
    "int16": "<i2",
    "int32": "<i4",
    "float16": "<f2",
    "bfloat16": "<u2",
}
"""How numpy has their elements; bfloat16 as the upper half of a float32."""

SCALE = "_scale"
"""After a weight's name: what its elements were multiplied by, for each row or for all."""

OLD_INT16_SCALE = 1000.0
"""Of int16 weights that have none beside them."""

MOST_DIMENSIONS = 8


class Variable(NamedTuple):
    """Where a variable lies in the file, and what it is."""

    element_type: str
    shape: tuple[int, ...]
    offset: int
    """In bytes from the beginning of the file."""


@dataclass
class CTranslate2File:
    """A model.bin that lies in memory only as far as it is read."""

    path: Path

    version: int
    """Of the format."""

    spec: str
    """What the model is, a class of `ctranslate2.specs`: "TransformerSpec"."""

    revision: int
    """Of that class's names."""

    sha256: str
    """Of the file, in lower-case hexadecimal."""

    variables: Mapping[str, Variable]

    aliases: Mapping[str, str]
    """Other names of variables."""

    _bytes: mmap.mmap | bytes
    _read: dict[str, Tensor] = field(default_factory=dict)

    def root(self, name: str) -> str:
        """The name under which a variable is stored; the same where it is no alias."""
        return self.aliases.get(name, name)

    def find(self, name: str) -> Variable | None:
        """What is stored under a name or an alias of it."""
        return self.variables.get(self.root(name))

    def is_same(self, name: str, other: str) -> bool:
        """Whether two variables are one, by alias or by what they hold."""
        if self.root(name) == self.root(other):
            return True
        one, two = self.find(name), self.find(other)
        if one is None or two is None or one.shape != two.shape:
            return False
        return torch.equal(self.tensor(name), self.tensor(other))

    def number(self, name: str) -> float | int | None:
        """The value of a variable without dimensions; None where there is none."""
        variable = self.find(name)
        if variable is None or variable.shape:
            return None
        if variable.element_type == "bfloat16":
            return float(self._floats(self.root(name)).item())
        value: float | int = self._array(variable).item()
        return value

    def flag(self, name: str, *, default: bool) -> bool:
        """Whether the number of that name is not zero; `default` where there is none."""
        value = self.number(name)
        return default if value is None else bool(value)

    def text(self, name: str) -> str | None:
        """The text in a variable of bytes; None where there is none."""
        variable = self.find(name)
        if variable is None or variable.element_type != "int8" or len(variable.shape) != 1:
            return None
        return self._array(variable).tobytes().decode("utf-8", errors="replace")

    def tensor(self, name: str) -> Tensor:
        """A variable that is there, as float32; all aliases of one share its memory.

        Raises:
            CheckpointError: It holds NaN or infinity, or lacks its scales.
        """
        root = self.root(name)
        if root not in self._read:
            self._read[root] = self._floats(root)
        return self._read[root]

    def _floats(self, name: str) -> Tensor:
        variable = self.variables[name]
        array = self._array(variable)
        if variable.element_type == "bfloat16":
            floats = (array.astype(np.uint32) << 16).view(np.float32)
        else:
            floats = array.astype(np.float32)
        if variable.element_type.startswith("int"):
            with np.errstate(all="ignore"):
                floats /= self._scales(name, variable)
        if not np.isfinite(floats).all():
            raise CheckpointError(f"{self.path}: {name} holds NaN or infinity")
        return torch.from_numpy(floats)

    def _scales(self, name: str, variable: Variable) -> NDArray[np.float32]:
        """Of shape (rows, 1, ...), or of one number."""
        scale = self.variables.get(name + SCALE)
        if scale is None:
            if variable.element_type == "int16":
                return np.array(OLD_INT16_SCALE, dtype=np.float32)
            raise CheckpointError(
                f"{self.path}: {name} is {variable.element_type} and {name + SCALE} is missing"
            )
        if scale.element_type != "float32" or scale.shape not in ((), variable.shape[:1]):
            raise CheckpointError(
                f"{self.path}: {name + SCALE} is {scale.element_type} of shape {scale.shape}; "
                f"float32 of shape () or {variable.shape[:1]} is needed"
            )
        scales = self._array(scale).astype(np.float32)
        return scales.reshape(-1, *[1] * (len(variable.shape) - 1)) if scale.shape else scales

    def _array(self, variable: Variable) -> NDArray[np.generic]:
        count = math.prod(variable.shape)
        dtype = DTYPES[variable.element_type]
        flat = np.frombuffer(self._bytes, dtype, count=count, offset=variable.offset)
        return flat.reshape(variable.shape)


def read_ctranslate2(path: Path) -> CTranslate2File:
    """Reads where each variable of a model.bin lies.

    Raises:
        CheckpointError: It cannot be read, is cut off or damaged, or of another version.
    """
    refuse_pointers([path])
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            empty = not path.stat().st_size  # of which no map can be made
            content = b"" if empty else mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except (OSError, ValueError) as error:
        raise CheckpointError(f"cannot read {path}: {error}") from error
    return _Reader(path, content).read(digest)


@dataclass
class _Reader:
    path: Path
    content: mmap.mmap | bytes
    place: int = 0

    def read(self, digest: str) -> CTranslate2File:
        (version,) = self._take("<I", "the version of the format")
        if version not in VERSIONS:
            known = ", ".join(map(str, VERSIONS))
            raise CheckpointError(
                f"{self.path} is of version {version} of CTranslate2's format, if it is such a "
                f"file; known are {known}. CTranslate2's converters write version {VERSIONS[-1]}"
            )
        spec = self._text("what the model is")
        (revision,) = self._take("<I", "the revision")
        (count,) = self._take("<I", "the number of variables")
        variables: dict[str, Variable] = {}
        for number in range(count):
            name, variable = self._variable(f"variable {number + 1} of {count}")
            if name in variables:
                raise self._damaged(f"{name} is there twice")
            variables[name] = variable
        aliases = self._aliases(variables)
        if more := len(self.content) - self.place:
            raise self._damaged(f"{more} bytes follow its end")
        return CTranslate2File(
            self.path, version, spec, revision, digest, variables, aliases, self.content
        )

    def _variable(self, what: str) -> tuple[str, Variable]:
        name = self._text(f"the name of {what}")
        (rank,) = self._take("<B", f"the rank of {name}")
        if rank > MOST_DIMENSIONS:
            raise self._damaged(f"{name} has {rank} dimensions; {MOST_DIMENSIONS} are the most")
        shape = self._take(f"<{rank}I", f"the shape of {name}")
        number, size = self._take("<BI", f"the type of {name}")
        if number >= len(ELEMENT_TYPES):
            known = ", ".join(ELEMENT_TYPES)
            raise self._damaged(f"{name} is of element type {number}; known are 0 to 5: {known}")
        element_type = ELEMENT_TYPES[number]
        if size != (needed := math.prod(shape) * np.dtype(DTYPES[element_type]).itemsize):
            raise self._damaged(
                f"{name} has {size} bytes; {element_type} of shape {shape} has {needed}"
            )
        variable = Variable(element_type, shape, self.place)
        self._skip(size, name)
        return name, variable

    def _aliases(self, variables: Mapping[str, Variable]) -> dict[str, str]:
        (count,) = self._take("<I", "the number of aliases")
        aliases: dict[str, str] = {}
        for number in range(count):
            alias = self._text(f"alias {number + 1} of {count}")
            name = self._text(f"what {alias} is an alias of")
            root = aliases.get(name, name)
            if root not in variables:
                raise self._damaged(f"{alias} is an alias of {name}, which is not there")
            if alias in variables or alias in aliases:
                raise self._damaged(f"{alias} is there twice")
            aliases[alias] = root
        return aliases

    def _text(self, what: str) -> str:
        (size,) = self._take("<H", what)
        begin = self.place
        self._skip(size, what)
        if not size:
            raise self._damaged(f"{what} has no end")
        try:
            return bytes(self.content[begin : self.place - 1]).decode()
        except UnicodeDecodeError as error:
            raise self._damaged(f"{what} is no UTF-8") from error

    def _take(self, layout: str, what: str) -> tuple[int, ...]:
        begin = self.place
        self._skip(struct.calcsize(layout), what)
        return struct.unpack_from(layout, self.content, begin)

    def _skip(self, size: int, what: str) -> None:
        if size > len(self.content) - self.place:
            left = len(self.content) - self.place
            raise self._damaged(
                f"it is cut off: {what} takes {size} bytes at byte {self.place} and {left} are left"
            )
        self.place += size

    def _damaged(self, how: str) -> CheckpointError:
        return CheckpointError(f"{self.path} is no whole model of CTranslate2: {how}")
