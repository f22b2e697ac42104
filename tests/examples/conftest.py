"""Bundles that PyTorch runs, of a decoder with self-attention and of a recurrent one."""

from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pytest

from dragoman_export.export import export
from dragoman_export.families import import_model
from dragoman_export.model import Prompt
from dragoman_export.verification.eager_decoding import EagerDecoder
from tests.export import tiny
from tests.exports import Exports
from tests.families.marian_npz import KINDS, make_checkpoint


class Example(NamedTuple):
    """A bundle, and what the modules that it was made from say, one sentence after the other."""

    bundle: Path
    sources: list[list[int]]
    translations: list[list[int]]
    limit: int
    end_id: int


def example(bundle: Path, checkpoint: Path) -> Example:
    model = import_model(checkpoint)
    sources = [model.tokenizer.encode(text) for text in tiny.SENTENCES]
    limit, decoder = model.max_decoding_length, EagerDecoder(model)
    said = [decoder.decode([Prompt(source)], limit)[0].token_ids for source in sources]
    assert len({len(ids) for ids in said}) > 1
    return Example(bundle, sources, said, limit, model.end_id)


@pytest.fixture(scope="session")
def attending(checkpoint: Path, torchscript_bundle: Path) -> Example:
    return example(torchscript_bundle, checkpoint)


@pytest.fixture(scope="session")
def recurrent(exports: Exports) -> Example:
    checkpoint = exports.get(
        "marian-npz-student", lambda path: make_checkpoint(path, KINDS["student"])
    )

    def write(path: Path) -> None:
        request = replace(tiny.request(checkpoint, path), format="torchscript")
        named = replace(request, source_language="en", target_language="de")
        export(named, tiny.no_progress)

    return example(exports.get("marian-npz-student-torchscript", write), checkpoint)


@pytest.fixture
def onnx_bundle(tmp_path: Path) -> Path:
    """As much of it as is looked at."""
    (tmp_path / "bundle.json").write_text("{}")
    return tmp_path
