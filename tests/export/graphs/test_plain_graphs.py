"""Graphs that PyTorch alone runs: their contract, what masks hide, caches, any size, any device."""

import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.export import ExportedProgram

from dragoman_export.graphs import (
    PT2,
    TORCHSCRIPT,
    GraphContract,
    GraphFormat,
    GraphTensor,
    attention_contract,
    write_plain_graphs,
)
from dragoman_export.graphs.formats import GraphName
from dragoman_export.graphs.trace import INPUT_TYPES
from dragoman_export.network import ForcedAttention, Step, Transformer, TransformerConfig
from dragoman_export.verification import encode, packed_pairs
from dragoman_export.verification.plain_decoding import load_plain
from tests.export.random_transformer import KINDS, Kind, random_transformer
from tests.exports import Exports
from tests.unwatched import unwatched

SOURCES = [[7, 2], [5, 9, 4, 21, 2], [6] * 9]
TARGETS = [[1, *range(4, 16)], [1, 8, 13, 4, 40, 2, 6], [1]]
GRAPHS: tuple[GraphName, ...] = ("encoder", "decoder", "attention")


class Written:
    """The graphs of a random Transformer in one format."""

    def __init__(self, kind: Kind, graph_format: GraphFormat, directory: Path) -> None:
        self.transformer = random_transformer(kind)
        self.config: TransformerConfig = self.transformer.config
        self.kind = kind
        self.format = graph_format
        self.directory = directory
        self._programs: dict[GraphName, ExportedProgram] = {}

    def file(self, graph: GraphName) -> Path:
        return self.directory / self.format.file(graph)

    def load(self, graph: GraphName) -> Callable[..., Any]:
        if self.format is PT2:
            return self.program(graph).module()
        return load_plain(self.file(graph), self.format)

    def program(self, graph: GraphName) -> ExportedProgram:
        """Of `.pt2`, read once: that takes a second."""
        if graph not in self._programs:
            self._programs[graph] = torch.export.load(self.file(graph))
        return self._programs[graph]

    def contract(self, graph: GraphName) -> GraphContract:
        contracts = {
            "encoder": self.format.encoder_contract,
            "decoder": self.format.decoder_contract,
            "attention": attention_contract,
        }
        return contracts[graph](self.config)


@pytest.fixture(
    scope="module",
    params=[(kind, made) for made in (TORCHSCRIPT, PT2) for kind in KINDS],
    ids=lambda param: f"{param[0]}-{param[1].name}",
)
def written(request: pytest.FixtureRequest, exports: Exports) -> Written:
    kind, graph_format = request.param

    def make(path: Path) -> None:
        path.mkdir()
        with unwatched():
            write_plain_graphs(random_transformer(kind), graph_format, path, with_attention=True)

    directory = exports.get(f"random-{kind}-{graph_format.name}", make)
    return Written(kind, graph_format, directory)


@pytest.fixture(autouse=True)
def _without_gradients() -> Iterator[None]:
    with torch.no_grad():
        yield


def given(contract: GraphContract, sizes: dict[str, int]) -> list[Tensor]:
    """Zeros of these sizes, and masks that show everything."""
    return [
        torch.zeros(shape_of(tensor, sizes), dtype=INPUT_TYPES[tensor.data_type])
        if tensor.data_type != "bool"
        else torch.ones(shape_of(tensor, sizes), dtype=torch.bool)
        for tensor in contract.inputs
    ]


def shape_of(tensor: GraphTensor, sizes: dict[str, int]) -> list[int]:
    return [sizes[size] if isinstance(size, str) else size for size in tensor.shape]


@pytest.mark.parametrize("graph", GRAPHS)
def test_graphs_have_the_contracts_outputs_at_any_size(written: Written, graph: GraphName) -> None:
    contract, loaded = written.contract(graph), written.load(graph)
    sizes = [
        dict.fromkeys(("batch", "source", "target", "rows"), 1)
        | {"source_tokens": 1, "target_tokens": 1, "target_capacity": 1, "source_capacity": 1},
        {"batch": 13, "source": 21, "target": 17, "rows": 19, "target_capacity": 23}
        | {"source_tokens": 13 * 21, "target_tokens": 13 * 17, "source_capacity": 29},
    ]
    for these in sizes:
        found = loaded(*given(contract, these))
        outputs = [found] if isinstance(found, Tensor) else found
        assert [(list(each.shape), each.dtype) for each in outputs] == [
            (shape_of(tensor, these), INPUT_TYPES[tensor.data_type]) for tensor in contract.outputs
        ]
        assert all(each.isfinite().all() for each in outputs)


@pytest.mark.parametrize("graph", GRAPHS)
def test_inputs_of_torchscript_have_the_contracts_names(written: Written, graph: GraphName) -> None:
    if written.format is not TORCHSCRIPT:
        pytest.skip("torch.export names what is after `*` by its place")
    loaded: Any = written.load(graph)
    _, *arguments = loaded.forward.schema.arguments
    assert [argument.name for argument in arguments] == [
        tensor.name for tensor in written.contract(graph).inputs
    ]


def test_weights_are_those_of_the_modules(written: Written) -> None:
    pairs = packed_pairs(SOURCES, TARGETS)
    tensors = [torch.from_numpy(array) for array in pairs.values()]
    expected = ForcedAttention(written.transformer)(*tensors)
    found = written.load("attention")(*tensors)
    flat = [*expected.encoder, *expected.decoder, *expected.cross]
    assert len(found) == len(flat) == len(written.contract("attention").outputs)
    for one, other in zip(found, flat, strict=True):
        torch.testing.assert_close(one, other, atol=2e-6, rtol=0)


def caches_of(
    config: TransformerConfig, key_value: Tensor, capacity: int, *, strided: bool = False
) -> list[Tensor]:
    """Filled with what nobody may look at."""
    _, rows, heads, source, head_dim = key_value.shape
    random = torch.Generator().manual_seed(3)

    def noise(*shape: int) -> Tensor:
        if not strided:
            return torch.randn(shape, generator=random) * 100
        larger = torch.randn([shape[0] + 2, *(size + 3 for size in shape[1:])], generator=random)
        return larger[tuple(slice(1, 1 + size) for size in shape)]

    caches: list[Tensor] = []
    for layer in range(config.decoder_layers):
        own = (
            [noise(rows, config.model_dim)]
            if config.recurrent
            else [noise(rows, heads, capacity, head_dim) for _ in range(2)]
        )
        cross = [noise(rows, heads, source + 4, head_dim) for _ in range(2)]
        for kept, made in zip(cross, key_value[2 * layer : 2 * layer + 2], strict=True):
            kept[:, :, :source] = made
        caches += [*own, *cross]
    return caches


class Decoding:
    """A decoder's steps with all of TARGETS, every row where it is."""

    def __init__(self, written: Written, capacity: int, *, strided: bool = False) -> None:
        lengths = torch.tensor([len(source) for source in SOURCES])
        source = int(lengths.max())
        mask = torch.arange(source) < lengths[:, None]
        ids = torch.full(mask.shape, 3)
        ids[mask] = torch.tensor([i for source in SOURCES for i in source])
        key_value = written.load("encoder")(ids, mask)
        self.caches = caches_of(written.config, key_value, capacity, strided=strided)
        self.source_mask = torch.nn.functional.pad(mask, (0, 4))
        self.capacity = capacity
        self._decoder = written.load("decoder")

    def step(self, positions: list[int]) -> Tensor:
        at = torch.tensor(positions)
        ids = torch.tensor([TARGETS[row][place] for row, place in enumerate(positions)])
        target_mask = torch.arange(self.capacity) <= at[:, None]
        logits: Tensor = self._decoder(ids, at, target_mask, self.source_mask, *self.caches)
        return logits


STEPS = [[0, 0, 0], [1, 1, 0], [2, 2, 0], [3, 0, 0], [4, 1, 0]]
"""Places of the rows; at 0 a row begins anew, whatever its caches have."""


def eager_logits(transformer: Transformer, source: list[int], target: list[int]) -> Tensor:
    """Of what follows the last token of a target, (1, vocab), by the modules of the ONNX graphs."""
    source_last, caches = encode(transformer, [source], len(target))
    capacities = caches[0].capacities()
    for position, token_id in enumerate(target):
        step = Step(torch.tensor([position], dtype=torch.int32), source_last, *capacities)
        logits, caches = transformer.decoder.logits(torch.tensor([token_id]), step, caches)
    return logits


def test_steps_say_what_the_modules_say(written: Written) -> None:
    decoding = Decoding(written, 9)
    for positions in STEPS:
        logits = decoding.step(positions)
        for row, place in enumerate(positions):
            expected = eager_logits(written.transformer, SOURCES[row], TARGETS[row][: place + 1])
            torch.testing.assert_close(logits[row : row + 1], expected, atol=2e-5, rtol=1e-5)


def test_what_masks_hide_changes_no_bit(written: Written) -> None:
    one, other = Decoding(written, 12), Decoding(written, 12)
    hidden = ~one.source_mask[:, None, :, None]
    for number, cache in enumerate(other.caches):
        if cache.dim() == 2:
            cache.fill_(-1e3)
        elif number % 4 > 1 or (written.config.recurrent and number % 3 > 0):
            cache.masked_fill_(hidden, 1e3)
        else:
            cache.fill_(-1e3)
    for positions in STEPS:
        assert torch.equal(one.step(positions), other.step(positions))


def test_what_pads_sources_changes_no_bit(written: Written) -> None:
    encoder = written.load("encoder")
    mask = torch.tensor([[True] * 3 + [False] * 3, [True] * 6])
    one = torch.tensor([[4, 9, 2, 0, 0, 0], [4, 9, 2, 5, 5, 2]])
    other = torch.tensor([[4, 9, 2, 33, 44, 12], [4, 9, 2, 5, 5, 2]])
    assert torch.equal(encoder(one, mask), encoder(other, mask))


def test_caches_are_updated_in_place_through_views(written: Written) -> None:
    plain, strided = Decoding(written, 9), Decoding(written, 9, strided=True)
    around = [cache._base for cache in strided.caches]
    before = [each.clone() for each in around if each is not None]
    for positions in STEPS:
        assert torch.allclose(plain.step(positions), strided.step(positions), atol=1e-6)
    each = 3 if written.config.recurrent else 4
    for number, (cache, whole, old) in enumerate(zip(strided.caches, around, before, strict=True)):
        assert whole is not None
        inside = torch.zeros_like(whole, dtype=torch.bool)
        inside[tuple(slice(1, 1 + size) for size in cache.shape)] = True
        assert torch.equal(whole[~inside], old[~inside])
        is_own = number % each < each - 2
        assert torch.equal(whole, old) != is_own


def test_graphs_say_nothing_of_where_they_were_made(written: Written) -> None:
    for graph in GRAPHS:
        content = written.file(graph).read_bytes()
        for word in (b"/home", b"/tmp", b"site-packages", b"dragoman", b"mangle", b'.py"'):
            assert word not in content
    assert sorted(written.directory.iterdir()) == sorted(map(written.file, GRAPHS))


def test_graphs_are_of_no_device(written: Written) -> None:
    for graph in GRAPHS:
        if written.format is TORCHSCRIPT:
            loaded: Any = written.load(graph)
            code = loaded.code.replace("device=None", "")
            assert "device" not in code
            continue
        program = written.program(graph)
        assert not program.constants
        for node in program.graph.nodes:
            assert "device" not in {name for name, value in node.kwargs.items() if value}


def test_the_same_weights_give_the_same_bytes(written: Written, tmp_path: Path) -> None:
    """Whatever was traced before them, and wherever."""
    if written.format is PT2 and written.kind != "recurrent":
        pytest.skip("takes long, and one kind is as good as another")
    with unwatched():
        write_plain_graphs(written.transformer, written.format, tmp_path, with_attention=True)
    for graph in GRAPHS:
        again = tmp_path / written.format.file(graph)
        assert again.read_bytes() == written.file(graph).read_bytes()


def test_there_is_no_output_projection_in_the_graph_of_weights(written: Written) -> None:
    if written.format is PT2:
        assert not any("head" in name for name in written.program("attention").state_dict)
        return
    head = 4 * written.config.padded_vocabulary_size * written.config.model_dim
    sizes = {graph: written.file(graph).stat().st_size for graph in GRAPHS}
    untied = 0 if written.config.tied_output else head
    assert sizes["attention"] < sizes["encoder"] + sizes["decoder"] - untied


ALONE = """
    import importlib.abc, sys, warnings

    class Nothing(importlib.abc.MetaPathFinder):
        def find_spec(self, name, path=None, target=None):
            if name.partition(".")[0] in {"dragoman", "dragoman_export", "dragoman_server"}:
                raise ImportError(name)

    sys.meta_path.insert(0, Nothing())
    warnings.simplefilter("ignore")
    import torch

    for suffix in sys.argv[2:]:
        def load(name):
            file = f"{sys.argv[1]}-{suffix}/{name}.{'pt' if suffix == 'torchscript' else 'pt2'}"
            if suffix == "torchscript":
                return torch.jit.load(file)
            return torch.export.load(file).module()

        with torch.no_grad():
            mask = torch.ones((1, 3), dtype=torch.bool)
            made = load("encoder")(torch.tensor([[4, 9, 2]]), mask)
            own = [torch.zeros((1, 2, 5, 8)) for _ in range(4)]
            caches = [*own[:2], *made[:2], *own[2:], *made[2:]]
            place = torch.tensor([0])
            logits = load("decoder")(place, place, torch.arange(5)[None] < 1, mask, *caches)
        print(f"{logits.sum().item():.4f}")
"""


def test_pytorch_alone_loads_and_runs_them(exports: Exports) -> None:
    for made in (TORCHSCRIPT, PT2):

        def make(path: Path, made: GraphFormat = made) -> None:
            path.mkdir()
            write_plain_graphs(random_transformer("plain"), made, path, with_attention=True)

        directory = exports.get(f"random-plain-{made.name}", make)
    root = str(directory).removesuffix("-pt2")
    command = [sys.executable, "-c", textwrap.dedent(ALONE), root, "torchscript", "pt2"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    one, other = done.stdout.split()
    assert one == other
