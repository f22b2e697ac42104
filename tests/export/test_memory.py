"""Weights that are done with are given back to the machine, not kept for later."""

import dataclasses
import functools
import sys
import tempfile
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest
import torch
from torch import nn

from dragoman_export import workbench
from dragoman_export.families import import_model
from dragoman_export.graphs import TORCHSCRIPT, FormatName, write_plain_graphs
from dragoman_export.memory import give_up, return_large_blocks
from dragoman_export.model import Blueprint
from dragoman_export.network import ScreenedLinear, TiedLinear, Transformer
from dragoman_export.precision.screen import screen
from dragoman_export.workbench import Workbench
from tests.export import tiny
from tests.export.random_transformer import random_transformer

LAYERS, WIDTH = 48, 1024
"""Of 4 MiB each."""

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads what Linux says of memory")


class OpenedError(Exception):
    """Nothing more is of interest."""


def own_bytes() -> int:
    status = Path("/proc/self/status").read_text()
    return int(status.partition("RssAnon:")[2].split()[0]) * 1024


def make_layers() -> nn.Module:
    return nn.Sequential(*(nn.Linear(WIDTH, WIDTH) for _ in range(LAYERS)))


def in_a_fresh_process(measure: Callable[[], list[float]]) -> list[float]:
    """As an export is: what ran before leaves free memory that is used again."""
    with ProcessPoolExecutor(1, get_context("spawn")) as processes:
        return processes.submit(measure).result()


def give_up_and_measure() -> list[float]:
    """Returns parts of a module's size: its memory before and after, and its numbers then."""
    return_large_blocks()
    before = own_bytes()
    module = make_layers()
    kept = list(module.parameters())
    size = 4 * sum(each.numel() for each in kept)
    full = own_bytes() - before
    give_up(module)
    left = own_bytes() - before
    return [full / size, left / size, 4 * sum(each.numel() for each in kept) / size]


def delete_half_and_measure() -> list[float]:
    """Returns the memory of every second layer as a part of all layers'."""
    return_large_blocks()
    before = own_bytes()
    layers = [*make_layers().children()]
    size = 4 * sum(each.numel() for layer in layers for each in layer.parameters())
    del layers[::2]
    return [(own_bytes() - before) / size]


def write_torchscript_and_measure(*, frozen: bool) -> list[float]:
    """Returns the memory of a model that was written and given up as a part of its size.

    PyTorch needs some for its first trace, whatever is traced: of a small model.
    """
    return_large_blocks()
    _write_and_give_up(32, frozen=frozen)
    before = own_bytes()
    size = _write_and_give_up(120_000, frozen=frozen)
    return [(own_bytes() - before) / size]


def _write_and_give_up(vocabulary: int, *, frozen: bool) -> int:
    config = dataclasses.replace(
        random_transformer("recurrent").config, model_dim=256, vocabulary_size=vocabulary
    )
    transformer = Transformer.empty(config)
    for parameter in transformer.parameters():
        parameter.data.fill_(0.1)
        parameter.requires_grad = not frozen
    size = sum(each.nbytes for each in transformer.parameters())
    with tempfile.TemporaryDirectory() as directory:
        write_plain_graphs(transformer, TORCHSCRIPT, Path(directory), with_attention=True)
    give_up(transformer.encoder, transformer.decoder)
    return size


def screen_and_measure() -> list[float]:
    """Returns what it takes at most to make a screen, as a part of the output projection's size."""
    return_large_blocks()
    config = dataclasses.replace(
        random_transformer("relative").config, model_dim=256, vocabulary_size=131_072
    )
    transformer = Transformer.empty(config)
    for parameter in transformer.parameters():
        parameter.data.fill_(0.1)
    head = transformer.decoder.head
    assert isinstance(head, TiedLinear)
    head.bias.data.zero_()
    before = own_bytes()
    Path("/proc/self/clear_refs").write_text("5")  # the high-water mark begins anew
    screen(transformer, 0)
    assert isinstance(transformer.decoder.head, ScreenedLinear)
    status = Path("/proc/self/status").read_text()
    most, held = (
        1024 * int(status.partition(f"{name}:")[2].split()[0]) for name in ("VmHWM", "VmRSS")
    )
    return [(own_bytes() - before + most - held) / head.embedding.weight.nbytes]


def test_a_screen_is_made_in_little_memory_beside_its_copy() -> None:
    (most,) = in_a_fresh_process(screen_and_measure)
    assert 0.25 < most < 0.8


@pytest.mark.parametrize("frozen", [False, True])
def test_nothing_of_a_model_stays_in_what_was_traced_of_it(*, frozen: bool) -> None:
    (left,) = in_a_fresh_process(functools.partial(write_torchscript_and_measure, frozen=frozen))
    assert left < 0.2


def test_a_module_that_is_given_up_takes_no_memory_whoever_refers_to_it() -> None:
    full, left, numbers = in_a_fresh_process(give_up_and_measure)
    assert full > 0.9
    assert left < 0.1
    assert numbers == 0


def test_large_blocks_go_back_though_others_between_them_stay() -> None:
    (left,) = in_a_fresh_process(delete_half_and_measure)
    assert left < 0.6


def test_buffers_are_given_up_too() -> None:
    module = nn.Module()
    module.register_buffer("weight", torch.ones(3, dtype=torch.int8))
    give_up(module)
    assert module.weight.shape == (0,)


@pytest.mark.parametrize("made", ["onnx", "torchscript"])
def test_no_weights_of_the_model_are_left_when_the_graphs_are_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, made: FormatName
) -> None:
    taken: list[Transformer] = []
    left: list[int] = []
    take = Blueprint.take

    def noted(blueprint: Blueprint) -> Transformer:
        taken.append(take(blueprint))
        return taken[-1]

    def opened(*_: object, **__: object) -> None:
        left.append(sum(each.numel() for each in taken[-1].parameters()))
        raise OpenedError

    monkeypatch.setattr(Blueprint, "take", noted)
    monkeypatch.setattr(workbench, "GraphDecoder", opened)
    monkeypatch.setattr(workbench, "PlainGraphDecoder", opened)
    model = import_model(tiny.make_checkpoint(tmp_path / "checkpoint"))
    bench = Workbench(model, [], tmp_path, tiny.no_progress, lambda _: None)
    plain = bench._replace(graph_format=TORCHSCRIPT)
    write = bench.float32 if made == "onnx" else lambda: plain.plain("float32")
    with pytest.raises(OpenedError):
        write()
    assert left == [0]
