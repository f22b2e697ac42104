"""docs/native-layout.md has every setting and tensor that the importers take, and no other."""

import re
from collections.abc import Callable
from pathlib import Path

from dragoman_export.families import native, torch_transformer, weights
from dragoman_export.families.described import read_description
from dragoman_export.families.fields import Fields

PAGE = (Path(__file__).parents[2] / "docs/native-layout.md").read_text("utf-8")


def tables() -> list[set[str]]:
    """The names in the first column of each table."""
    found: list[set[str]] = []
    for block in re.findall(r"(?:^\|.*\n)+", PAGE, re.MULTILINE):
        cells = [line.split("|")[1] for line in block.splitlines()[2:]]
        found.append({name for cell in cells for name in re.findall(r"`([^`]+)`", cell)})
    return found


def known(read: Callable[[Fields], object]) -> set[str]:
    """The settings that are asked for."""
    fields = Fields({})
    read(fields)
    return set(fields._known)


def test_every_setting_is_in_its_table() -> None:
    common, _, of_native, _, of_torch, arguments, names = tables()
    assert common == known(read_description)
    assert of_native == known(native._read_config) | {"version", "biases", "scaled_attention"}
    assert of_torch == {"state_dict_key", "ignored_tensors"}
    assert arguments == known(torch_transformer._read_arguments)
    assert names == known(torch_transformer._read_names)


def test_tensors_around_the_layers_are_in_their_table() -> None:
    names = tables()[3]
    assert {weights.SOURCES, weights.TARGETS, weights.OUTPUT, weights.OUTPUT_BIAS} <= names
    assert {*weights.POSITIONS, *weights.RELATIVE_POSITIONS} <= names
