"""A folder with a problem of each kind: all are told at once, of every layout."""

import argparse
import json
import shutil
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import safetensors.torch
import torch
from torch import Tensor

from dragoman_export.errors import CheckpointError
from dragoman_export.families import import_model
from tests.export import tiny
from tests.export.ctranslate2_bytes import change as change_variables
from tests.export.ctranslate2_bytes import floats
from tests.export.families import test_ctranslate2 as ctranslate2
from tests.export.families import test_eole as eole
from tests.export.families import test_marian_npz as marian
from tests.export.families import test_native as native
from tests.export.families import test_opennmt as opennmt
from tests.exports import Exports
from tests.families import (
    fairseq,
    fairseq_multilingual,
    fsmt,
    marian_npz,
    multilingual,
    torch_models,
)

Break = Callable[[Path], None]
Make = Callable[[Path], object]


class Case(NamedTuple):
    make: Make
    """A good checkpoint."""
    breaks: Sequence[Break]
    """Settings, tokens, weights."""
    told: Sequence[str]
    """Of each of them."""


def setting(file: str = "config.json", **settings: object) -> Break:
    def change(path: Path) -> None:
        (path / file).write_text(json.dumps(json.loads((path / file).read_text()) | settings))

    return change


def misshapen(name: str, file: str = "model.safetensors") -> Break:
    def change(path: Path) -> None:
        tensors = safetensors.torch.load_file(path / file)
        tensors[name] = torch.zeros(3)
        safetensors.torch.save_file(tensors, path / file, metadata={"format": "pt"})

    return change


def removed(name: str) -> Break:
    return lambda path: (path / name).unlink()


def damaged(name: str) -> Break:
    def change(path: Path) -> None:
        (path / name).write_bytes(b"\xff nothing of the kind")

    return change


def in_torch_file(**changes: Any) -> Break:
    """Changes what torch.save wrote: settings of fairseq, or tensors."""

    def change(path: Path) -> None:
        with torch.serialization.safe_globals([argparse.Namespace]):
            state = torch.load(path / "model.pt", weights_only=True)
        for name, value in changes.items():
            if isinstance(value, Tensor):
                state.get("model", state)[name.replace("__", ".")] = value
            else:
                setattr(state["args"], name, value)
        torch.save(state, path / "model.pt")

    return change


BIAS = "model.decoder.layers.1.fc2.bias"


def write_native(path: Path) -> None:
    native.write_native(torch_models.KINDS["tied"].make(path.with_name("native-from")), path)


def write_opennmt(path: Path) -> None:
    path.mkdir()
    trained = tiny.train_pieces(tiny.TEXTS, vocab_size=100)
    opennmt.write_model(path, opennmt.random_state(trained), trained)


def write_eole(path: Path) -> None:
    path.mkdir()
    eole.write_model(path, tiny.train_pieces(tiny.TEXTS, vocab_size=100))


def in_opennmt_file(change: Callable[[dict[str, Any]], object]) -> Break:
    def changed(path: Path) -> None:
        with torch.serialization.safe_globals([argparse.Namespace]):
            state = torch.load(path / "step_1.pt", weights_only=True)
        change(state)
        torch.save(state, path / "step_1.pt")

    return changed


OPENNMT_BIAS = "decoder.transformer_layers.0.feed_forward.w_2.bias"
EOLE_BIAS = "decoder.transformer_layers.0.mlp.down_proj.bias"

CASES = {
    "tiny": Case(
        tiny.make_checkpoint,
        [
            setting(activation_function="tanh"),
            setting("vocab.json", more=9999),
            misshapen(BIAS),
        ],
        [
            "activation_function is 'tanh'; known are relu",
            "vocab.json has ids outside the model's vocabulary of 265",
            f"{BIAS} has shape (3,); (32,) is needed",
        ],
    ),
    "family-nllb": Case(
        multilingual.KINDS["nllb"].make,
        [setting(scale_embedding="yes"), damaged("tokenizer.json"), misshapen(BIAS)],
        [
            "scale_embedding is 'yes'; true or false is needed",
            "transformers cannot load",
            f"{BIAS} has shape (3,); (32,) is needed",
        ],
    ),
    "family-t5": Case(
        multilingual.KINDS["t5"].make,
        [
            setting(layer_norm_epsilon=7),
            damaged("tokenizer.json"),
            misshapen("decoder.final_layer_norm.weight"),
        ],
        [
            "layer_norm_epsilon is 7; a number between 0 and 1 is needed",
            "transformers cannot load",
            "decoder.final_layer_norm.weight has shape (3,)",
        ],
    ),
    "fsmt-wmt19": Case(
        lambda path: fsmt.make_checkpoint(path, fsmt.KINDS["wmt19"]),
        [
            setting(activation_function="tanh"),
            setting("tokenizer_config.json", langs=["en"]),
            misshapen("model.decoder.layers.0.fc2.bias"),
        ],
        [
            "activation_function is 'tanh'",
            "langs is ['en'] in tokenizer_config.json; two languages are needed",
            "model.decoder.layers.0.fc2.bias has shape (3,)",
        ],
    ),
    "native": Case(
        write_native,
        [
            setting("dragoman.json", embedding_scale=-1),
            setting("dragoman.json", unknown_id=5),
            misshapen("decoder.final_norm.bias"),
        ],
        [
            "embedding_scale is -1; a number above 0 is needed",
            "unknown_id is 5; source.spm has 1",
            "decoder.final_norm.bias has shape (3,); (32,) is needed",
        ],
    ),
    "torch-tied": Case(
        torch_models.KINDS["tied"].make,
        [
            setting("nn-transformer.json", max_decoding_length=0),
            damaged("source.spm"),
            in_torch_file(transformer__decoder__norm__bias=torch.zeros(3)),
        ],
        [
            "max_decoding_length is 0; a whole number from 1",
            "source.spm is no sentencepiece model",
            "transformer.decoder.norm.bias has shape (3,); (32,) is needed",
        ],
    ),
    "ctranslate2": Case(
        ctranslate2.write_model,
        [
            setting(layer_norm_epsilon=7),
            damaged("spm.model"),
            lambda path: change_variables(
                path / "model.bin", {"decoder/layer_norm/beta": floats(3)}
            ),
        ],
        [
            "config.json: layer_norm_epsilon is 7; a number between 0 and 1 is needed",
            "spm.model is no sentencepiece file",
            "decoder/layer_norm/beta has shape (3,); (8,) is needed",
        ],
    ),
    "fairseq-2018": Case(
        lambda path: fairseq.make_checkpoint(path, fairseq.KINDS["2018"]),
        [
            in_torch_file(moe_freq=2),
            removed("bpecodes"),
            in_torch_file(decoder__layers__0__fc2__bias=torch.zeros(3)),
        ],
        [
            "moe_freq is 2, which is not supported",
            "has 0 of bpecodes",
            "decoder.layers.0.fc2.bias has shape (3,); (32,) is needed",
        ],
    ),
    "fairseq-m2m": Case(
        lambda path: fairseq_multilingual.make_checkpoint(path, fairseq_multilingual.KINDS["m2m"]),
        [
            in_torch_file(activation_fn="tanh"),
            removed("spm.model"),
            in_torch_file(decoder__layers__0__fc2__bias=torch.zeros(3)),
        ],
        [
            "activation_fn is 'tanh'; known are relu",
            "has 0 of bpecodes",
            "decoder.layers.0.fc2.bias has shape (3,); (32,) is needed",
        ],
    ),
    "marian-npz-teacher": Case(
        lambda path: marian_npz.make_checkpoint(path, marian_npz.KINDS["teacher"]),
        [
            lambda path: marian.change(path, transformer_ffn_activation="tanh"),
            damaged("vocab.de.spm"),
            lambda path: marian.change(
                path, lambda arrays: arrays.update(encoder_l1_ffn_b2=np.zeros((1, 3), np.float32))
            ),
        ],
        [
            "transformer-ffn-activation is 'tanh'; one of relu, swish, gelu is needed",
            "vocab.de.spm is no sentencepiece model",
            "encoder_l1_ffn_b2 has shape (3,); (32,) is needed",
        ],
    ),
    "opennmt-random": Case(
        write_opennmt,
        [
            in_opennmt_file(lambda state: setattr(state["opt"], "norm_eps", 7)),
            damaged("spm.model"),
            in_opennmt_file(lambda state: state["model"].update({OPENNMT_BIAS: torch.zeros(3)})),
        ],
        [
            "norm_eps is 7; a number between 0 and 1 is needed",
            "spm.model is no sentencepiece file",
            f"{OPENNMT_BIAS} has shape (3,); (32,) is needed",
        ],
    ),
    "eole-random": Case(
        write_eole,
        [
            lambda path: eole.rewrite(
                path / "config.json", lambda config: config["model"].update(norm_eps="small")
            ),
            damaged("target.model"),
            misshapen(EOLE_BIAS, "model.00.safetensors"),
        ],
        [
            "encoder: norm_eps is 'small'; a number between 0 and 1 is needed",
            "target.model is no sentencepiece file",
            f"{EOLE_BIAS} has shape (3,); (32,) is needed",
        ],
    ),
}


UNREADABLE = {
    "marian-npz-old": Case(
        lambda path: marian_npz.make_checkpoint(path, marian_npz.KINDS["old"]),
        [damaged("model.npz"), removed("bpe.codes")],
        ["model.npz", "nothing that cuts texts into the pieces of vocab.en.yml"],
    ),
    "opennmt-random": Case(
        write_opennmt,
        [
            in_opennmt_file(lambda state: state.update(opt=None, marks="opt encoder_type")),
            in_opennmt_file(lambda state: state["model"].update(x=torch.tensor([torch.nan]))),
        ],
        ["it has no opt, the settings of the model", "x holds NaN or infinity"],
    ),
    "eole-random": Case(
        write_eole,
        [damaged("config.json"), removed("vocab.json"), damaged("model.00.safetensors")],
        ["config.json", "vocab.json", "model.00.safetensors"],
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_settings_tokens_and_weights_are_told_of_at_once(
    exports: Exports, tmp_path: Path, name: str
) -> None:
    require_all_told(exports, tmp_path, name, CASES[name])


@pytest.mark.parametrize("name", UNREADABLE)
def test_a_part_that_cannot_be_read_hides_no_other(
    exports: Exports, tmp_path: Path, name: str
) -> None:
    require_all_told(exports, tmp_path, name, UNREADABLE[name])


def require_all_told(exports: Exports, tmp_path: Path, name: str, case: Case) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made = exports.get(name, case.make)
    folder = shutil.copytree(made, tmp_path / "copy")
    import_model(folder)
    for change in case.breaks:
        change(folder)
    message = refusal(folder)
    for told in case.told:
        assert told in message, message
    assert len(message.splitlines()) <= 2 * len(case.told), "nothing follows from the others"


@pytest.mark.parametrize("name", ["tiny", "family-nllb", "family-t5", "fsmt-wmt19"])
def test_a_size_that_is_none_is_no_fault_of_the_tokenizer(
    exports: Exports, tmp_path: Path, name: str
) -> None:
    """transformers reads settings before it has a tokenizer, and stumbles over them."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made = exports.get(name, CASES[name].make)
    folder = shutil.copytree(made, tmp_path / "copy")
    setting(d_model="x")(folder)
    told = refusal(folder).splitlines()
    assert len(told) == 2, told
    assert told[1].startswith("  - d_model is 'x'; a whole number from 1")


def test_files_that_cannot_be_read_are_told_of_at_once(checkpoint: Path, tmp_path: Path) -> None:
    copy = tiny.copy_checkpoint(checkpoint, tmp_path / "copy")
    tensors = safetensors.torch.load_file(copy / "model.safetensors")
    for number, names in enumerate((sorted(tensors)[::2], sorted(tensors)[1::2])):
        part = {name: tensors[name] for name in names}
        safetensors.torch.save_file(part, copy / f"part-{number}.safetensors")
    parts = {name: f"part-{name}.safetensors" for name in ("0", "1", "2")}
    (copy / "model.safetensors.index.json").write_text(json.dumps({"weight_map": parts}))
    for name in ("model.safetensors", "source.spm", "target.spm", "vocab.json"):
        (copy / name).unlink()
    for name in ("part-1.safetensors", "config.json", "generation_config.json"):
        damaged(name)(copy)
    message = refusal(copy)
    for told in (
        f"cannot read {copy / 'config.json'}",
        f"cannot read {copy / 'generation_config.json'}",
        f"cannot read {copy / 'part-1.safetensors'}",
        f"cannot read {copy / 'part-2.safetensors'}",
        f"checkpoint {copy} has no tokenizer",
    ):
        assert told in message, message
    assert len(message.splitlines()) == 5


def refusal(folder: Path) -> str:
    with pytest.raises(CheckpointError) as caught:
        import_model(folder)
    return str(caught.value)
