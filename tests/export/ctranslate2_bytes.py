"""Writes CTranslate2's model.bin, in any version and however damaged."""

import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dragoman_export.checkpoints.ctranslate2_file import (
    DTYPES,
    ELEMENT_TYPES,
    CTranslate2File,
    read_ctranslate2,
)


class Value(NamedTuple):
    element_type: str
    array: NDArray[Any]
    """bfloat16 as uint16."""


def floats(*shape: int) -> Value:
    return Value("float32", np.arange(int(np.prod(shape)), dtype=np.float32).reshape(shape))


def number(value: float, element_type: str = "int8") -> Value:
    return Value(element_type, np.array(value, dtype=DTYPES[element_type]))


def letters(text: str) -> Value:
    return Value("int8", np.frombuffer(text.encode(), dtype=np.int8))


def text_bytes(text: str) -> bytes:
    return struct.pack("<H", len(text.encode()) + 1) + text.encode() + b"\0"


def model_bytes(
    variables: Mapping[str, Value],
    aliases: Mapping[str, str] | None = None,
    version: int = 6,
    spec: str = "TransformerSpec",
    revision: int = 7,
) -> bytes:
    parts = [struct.pack("<I", version), text_bytes(spec)]
    parts.append(struct.pack("<II", revision, len(variables)))
    for name, (element_type, array) in variables.items():
        content = array.tobytes()
        parts += [text_bytes(name), struct.pack(f"<B{array.ndim}I", array.ndim, *array.shape)]
        parts += [struct.pack("<BI", ELEMENT_TYPES.index(element_type), len(content)), content]
    parts.append(struct.pack("<I", len(aliases or {})))
    parts += [text_bytes(alias) + text_bytes(name) for alias, name in (aliases or {}).items()]
    return b"".join(parts)


def values(file: CTranslate2File) -> dict[str, Value]:
    """All variables of a file, to write some of them otherwise."""
    return {
        name: Value(variable.element_type, file._array(variable))
        for name, variable in file.variables.items()
    }


def floats_of(file: CTranslate2File, name: str) -> Value:
    """What a file has under a name or an alias."""
    return Value("float32", file.tensor(name).numpy())


def change(
    path: Path,
    changed: Mapping[str, Value | None],
    *,
    version: int = 6,
    spec: str = "TransformerSpec",
    revision: int = 7,
    aliases: Mapping[str, str] | None = None,
) -> None:
    """Writes a model.bin again with other variables; None leaves one out, or an alias."""
    file = read_ctranslate2(path)
    kept = {**values(file), **changed}
    named = file.aliases if aliases is None else aliases
    content = model_bytes(
        {name: value for name, value in kept.items() if value is not None},
        {alias: name for alias, name in named.items() if alias not in changed},
        version,
        spec,
        revision,
    )
    path.write_bytes(content)
