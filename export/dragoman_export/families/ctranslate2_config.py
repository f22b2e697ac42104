"""The tokens that steer a CTranslate2 model, by their names.

Older formats keep in variables of model.bin what newer ones keep in config.json. Source of names
and defaults: CTranslate2, `src/models/sequence_to_sequence.cc`. Does not know vocabularies.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass

from dragoman_export.checkpoints.ctranslate2_file import CTranslate2File
from dragoman_export.checkpoints.files import Settings, read_settings

CONFIG = "config.json"

CONFIG_VERSION = 6
"""The format from which on config.json has the tokens that steer a model."""


@dataclass(frozen=True, kw_only=True)
class Steering:
    """Tokens with a meaning of their own, by their names, and where CTranslate2 adds them."""

    unknown: str
    begin: str | None
    end: str
    start: str | None
    """What the decoder starts with; None where each request says it, by its target language."""

    adds_begin: bool
    adds_end: bool

    norm_epsilon: float | None
    """None is CTranslate2's own."""


def read_config(file: CTranslate2File) -> tuple[Steering | None, list[str]]:
    """What steers a model, None where tokens are not as they must be; and all such problems."""
    path = file.path.parent / CONFIG
    config: Settings = {}
    if os.path.lexists(path) or file.version >= CONFIG_VERSION:
        config = read_settings(path)
    if file.version < CONFIG_VERSION:
        config = {**config, **_old_config(file)}
    token_problems, problems = [*_token_problems(config)], [*_other_problems(config)]
    if token_problems:
        return None, [*token_problems, *problems]
    epsilon = None if problems else config.get("layer_norm_epsilon")
    return (
        Steering(
            unknown=config["unk_token"],
            begin=config.get("bos_token"),
            end=config["eos_token"],
            start=config.get("decoder_start_token"),
            adds_begin=config.get("add_source_bos", False),
            adds_end=config.get("add_source_eos", False),
            norm_epsilon=None if epsilon is None else float(epsilon),
        ),
        problems,
    )


def _old_config(file: CTranslate2File) -> Settings:
    """As CTranslate2 makes it of an older file."""
    tokens = {"unk_token": "<unk>", "bos_token": "<s>", "eos_token": "</s>"}
    config: Settings = {name: file.text(name) or default for name, default in tokens.items()}
    start = (
        config["bos_token"] if file.flag("with_target_bos", default=True) else config["eos_token"]
    )
    if file.flag("user_decoder_start_tokens", default=False):
        start = None
    return config | {
        "decoder_start_token": start,
        "add_source_bos": file.flag("with_source_bos", default=False),
        "add_source_eos": file.flag("with_source_eos", default=False),
    }


def _token_problems(config: Settings) -> Iterator[str]:
    adds_begin = config.get("add_source_bos", False)
    needed = ("unk_token", "eos_token", *(["bos_token"] if adds_begin else []))
    for name in needed:
        if not isinstance(config.get(name), str):
            yield f"{CONFIG}: {name} is {config.get(name)!r}; the name of a token is needed"
    start = config.get("decoder_start_token")
    if start is not None and not isinstance(start, str):
        yield f"{CONFIG}: decoder_start_token is {start!r}; the name of a token or null is needed"
    for name in ("add_source_bos", "add_source_eos"):
        if not isinstance(config.get(name, False), bool):
            yield f"{CONFIG}: {name} is {config[name]!r}; true or false is needed"


def _other_problems(config: Settings) -> Iterator[str]:
    epsilon = config.get("layer_norm_epsilon")
    is_number = isinstance(epsilon, int | float) and not isinstance(epsilon, bool)
    if epsilon is not None and not (is_number and 0 < epsilon < 1):
        yield f"{CONFIG}: layer_norm_epsilon is {epsilon!r}; a number between 0 and 1 is needed"
    if config.get("quantization_type") not in (None, 0):
        yield f"{CONFIG}: quantization_type is {config['quantization_type']!r}; AWQ is unsupported"
