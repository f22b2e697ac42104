import struct
from pathlib import Path

import numpy as np
import pytest
import torch

from dragoman_export.checkpoints.ctranslate2_file import read_ctranslate2
from dragoman_export.errors import CheckpointError
from tests.export.ctranslate2_bytes import (
    Value,
    floats,
    letters,
    model_bytes,
    number,
    text_bytes,
)

WHOLE = model_bytes(
    {"a": floats(2, 3), "b": number(4, "int16"), "c": letters("</s>")}, {"d": "a", "e": "d"}
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "model.bin"


@pytest.mark.parametrize("version", [4, 5, 6])
def test_reads_what_was_written(path: Path, version: int) -> None:
    path.write_bytes(struct.pack("<I", version) + WHOLE[4:])
    file = read_ctranslate2(path)
    assert (file.version, file.spec, file.revision) == (version, "TransformerSpec", 7)
    assert torch.equal(file.tensor("a"), torch.arange(6.0).reshape(2, 3))
    assert file.number("b") == 4
    assert file.text("c") == "</s>"
    assert file.number("a") is None
    assert file.find("f") is None


def test_aliases_share_what_they_are_aliases_of(path: Path) -> None:
    path.write_bytes(WHOLE)
    file = read_ctranslate2(path)
    assert file.tensor("d") is file.tensor("a")
    assert file.root("e") == "a"


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"w": Value("float16", np.array([1.5, -2], dtype=np.float16))}, [1.5, -2]),
        ({"w": Value("bfloat16", np.array([0x3FC0, 0xC000], dtype=np.uint16))}, [1.5, -2]),
        (
            {
                "w": Value("int8", np.array([[127, -64], [10, 0]], dtype=np.int8)),
                "w_scale": Value("float32", np.array([127, 5], dtype=np.float32)),
            },
            [[1, -64 / 127], [2, 0]],
        ),
        (
            {
                "w": Value("int16", np.array([[1024, -512]], dtype=np.int16)),
                "w_scale": number(256, "float32"),
            },
            [[4, -2]],
        ),
        ({"w": Value("int16", np.array([[1000, -500]], dtype=np.int16))}, [[1, -0.5]]),
    ],
    ids=["float16", "bfloat16", "int8", "int16", "int16 without a scale"],
)
def test_every_type_becomes_float32(
    path: Path, variables: dict[str, Value], expected: list[float]
) -> None:
    path.write_bytes(model_bytes(variables))
    tensor = read_ctranslate2(path).tensor("w")
    assert tensor.dtype == torch.float32
    assert torch.equal(tensor, torch.tensor(expected, dtype=torch.float32))


def test_whatever_is_cut_off_is_an_error(path: Path) -> None:
    for length in range(len(WHOLE)):
        path.write_bytes(WHOLE[:length])
        with pytest.raises(CheckpointError, match=r"model\.bin is no whole model .* cut off"):
            read_ctranslate2(path)


HEAD = WHOLE[:4] + text_bytes("TransformerSpec") + struct.pack("<I", 7)
HUGE = 2**32 - 1


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (struct.pack("<I", 3) + WHOLE[4:], "is of version 3 of CTranslate2's format"),
        (struct.pack("<I", 7) + WHOLE[4:], "known are 4, 5, 6"),
        (b"PK\x03\x04" + WHOLE, "is of version 67324752"),
        (HEAD + struct.pack("<I", HUGE), "the name of variable 1 of 4294967295"),
        (
            HEAD + struct.pack("<I", 1) + text_bytes("a") + struct.pack("<BIIBI", 2, 9, 9, 0, 324),
            "a takes 324 bytes .* and 0 are left",
        ),
        (
            HEAD + struct.pack("<I", 1) + text_bytes("a")
            + struct.pack("<BIIBI", 2, HUGE, HUGE, 0, 8),
            "a has 8 bytes; float32 of shape",
        ),
        (HEAD + struct.pack("<I", 1) + text_bytes("a") + b"\xff", "a has 255 dimensions"),
        (
            HEAD + struct.pack("<I", 1) + text_bytes("a") + struct.pack("<BBI", 0, 6, 4) + b"abcd",
            "a is of element type 6; known are 0 to 5",
        ),
        (HEAD + struct.pack("<I", 1) + b"\0\0", "variable 1 of 1 has no end"),
        (HEAD + struct.pack("<I", 1) + b"\3\0\xff\xfe\0", "is no UTF-8"),
        (model_bytes({}, {"a": "b"}), "a is an alias of b, which is not there"),
        (model_bytes({"a": floats(1)}, {"a": "a"}), "a is there twice"),
        (WHOLE + b"more", "4 bytes follow its end"),
        (b"version https://git-lfs.github.com/spec/v1", "git lfs pull"),
    ],
)  # fmt: skip
def test_says_what_is_the_matter(path: Path, content: bytes, told: str) -> None:
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=told):
        read_ctranslate2(path)


@pytest.mark.parametrize(
    ("variables", "told"),
    [
        ({"w": Value("float32", np.array([np.inf], np.float32))}, "w holds NaN or infinity"),
        ({"w": Value("int8", np.ones((2, 2), np.int8))}, "w is int8 and w_scale is missing"),
        (
            {"w": Value("int8", np.ones((2, 2), np.int8)), "w_scale": floats(3)},
            r"w_scale is float32 of shape \(3,\); float32 of shape \(\) or \(2,\) is needed",
        ),
        (
            {"w": Value("int8", np.ones((2, 2), np.int8)), "w_scale": floats(2)},
            "w holds NaN or infinity",  # one of the scales is zero
        ),
    ],
)
def test_weights_that_are_no_numbers_are_errors(
    path: Path, variables: dict[str, Value], told: str
) -> None:
    path.write_bytes(model_bytes(variables))
    file = read_ctranslate2(path)
    with pytest.raises(CheckpointError, match=told):
        file.tensor("w")


def test_a_file_that_is_not_there_is_an_error(path: Path) -> None:
    with pytest.raises(CheckpointError, match="cannot read"):
        read_ctranslate2(path)
