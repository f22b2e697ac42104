"""Which importer maps which folder: the table of layouts.

Knows the files by which a layout is recognised. Does not know how any is mapped.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from dragoman_export.checkpoints import read_checkpoint
from dragoman_export.checkpoints.checkpoint import CONFIG
from dragoman_export.errors import CheckpointError
from dragoman_export.families import (
    ctranslate2,
    eole,
    fairseq,
    marian_npz,
    native,
    opennmt,
    torch_transformer,
)
from dragoman_export.families.importers import import_checkpoint
from dragoman_export.model import ImportedModel


class Layout(NamedTuple):
    """How a toolkit lays out a model in a folder."""

    title: str
    """The toolkit, as people call it."""

    marks: str
    """The files by which it is recognised, as an error lists them."""

    recognises: Callable[[Path], bool]
    imports: Callable[[Path], ImportedModel]
    """Maps the folder onto the canonical Transformer; CheckpointError says all that hinders it."""


def _has(name: str) -> Callable[[Path], bool]:
    """Recognises a folder by a file in it."""
    return lambda path: os.path.lexists(path / name)


LAYOUTS = (
    Layout(
        title="Dragoman's own",
        marks=native.DESCRIPTION,
        recognises=_has(native.DESCRIPTION),
        imports=native.import_native,
    ),
    Layout(
        title="torch.nn.Transformer",
        marks=torch_transformer.DESCRIPTION,
        recognises=_has(torch_transformer.DESCRIPTION),
        imports=torch_transformer.import_torch_transformer,
    ),
    Layout(
        title="CTranslate2",
        marks=ctranslate2.MODEL,
        recognises=_has(ctranslate2.MODEL),
        imports=ctranslate2.import_ctranslate2,
    ),
    Layout(
        title="fairseq",
        marks="model.pt or checkpoint.pt, dict.SOURCE.txt, dict.TARGET.txt",
        recognises=fairseq.is_fairseq,
        imports=fairseq.import_fairseq,
    ),
    Layout(
        title="Marian's own",
        marks="model.npz with its vocabularies",
        recognises=marian_npz.is_marian_npz,
        imports=marian_npz.import_marian_npz,
    ),
    Layout(
        title="OpenNMT-py",
        marks="one .pt with opt and vocab",
        recognises=opennmt.is_opennmt,
        imports=opennmt.import_opennmt,
    ),
    Layout(
        title="Eole",
        marks=f"{CONFIG}, {eole.WEIGHTS}",
        recognises=eole.is_eole,
        imports=eole.import_eole,
    ),
    Layout(
        title="Hugging Face",
        marks=CONFIG,
        recognises=lambda _: True,
        imports=lambda path: import_checkpoint(read_checkpoint(path)),
    ),
)
"""In the order in which they are looked for; the last takes whatever no other recognises."""


def import_model(path: Path) -> ImportedModel:
    """Maps the model in a folder onto the canonical Transformer.

    Raises:
        CheckpointError: It is in no layout of the table, or cannot be mapped.
    """
    if not path.is_dir():
        raise CheckpointError(f"checkpoint {path} is not a directory; nothing is downloaded")
    return next(layout for layout in LAYOUTS if layout.recognises(path)).imports(path)
