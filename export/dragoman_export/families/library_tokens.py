"""Tokenizers of the tokenizers library, without what no text may yield.

A text may hold the name of any token: `</s>`, `deu_Latn`, `<2de>`. What steers a model must be text
there, in a library that takes a name for the token whoever wrote it. So such tokens get other
names: no text has a real space once it is cut, which makes them unreachable.
"""

import copy
import json
from collections.abc import Collection
from pathlib import Path
from typing import Any

from dragoman.tokenizer.library import UNREACHABLE
from dragoman.v1.bundle_pb2 import SpecialTokens, TokenizerFiles
from dragoman_export.checkpoints import CheckpointTokenizer
from dragoman_export.errors import CheckpointError
from dragoman_export.verification import ReferenceTokenizer

FILE = "tokenizer.json"


def library_tokenizer(
    own: ReferenceTokenizer,
    special: SpecialTokens,
    size: int,
    checkpoint: Path,
    controls: Collection[int] = (),
) -> CheckpointTokenizer:
    """The tokenizer that the server will have.

    Args:
        own: The checkpoint's.
        special: Ids with a meaning of their own.
        size: Tokens of the model.
        checkpoint: Where it is from.
        controls: Ids that no text yields, beside those of special tokens.

    Raises:
        CheckpointError: It is none of the library's, or has tokens that the model has not.
    """
    definition = own.definition()
    if definition is None:
        raise CheckpointError(
            f"{checkpoint}: the tokenizer {own.class_name} is not supported; it is none of the "
            "tokenizers library"
        )
    # What the library takes for special, which gives no text, is not all that transformers does.
    hidden = {token["id"] for token in definition["added_tokens"] if token["special"]}
    special_ids = hidden.union(own.special_ids().values())
    outside = sorted(i for i in own.vocabulary().values() if i >= size)
    kept = [token for token in own.added_tokens() if token.id not in special_ids]
    if strange := [token.text for token in kept if token.id >= size]:
        raise CheckpointError(
            f"{checkpoint}: the added token {strange[0]!r} lies outside the model's vocabulary of "
            f"{size}"
        )
    steering = {special.end_id, special.decoder_start_id, special.unknown_id}
    unreachable = {*special_ids, *steering, *special.suppressed_ids, *controls, *outside}
    return CheckpointTokenizer(
        {FILE: json.dumps(without(definition, unreachable), ensure_ascii=False)},
        TokenizerFiles(
            kind="tokenizers",
            source_model_path=FILE,
            target_model_path=FILE,
            control_ids=sorted(i for i in unreachable - steering if i < size),
            hidden_ids=sorted(i for i in hidden - steering if i < size),
        ),
        special,
        control_names=[name for name, i in own.vocabulary().items() if i in unreachable],
        probes=[f"one {token.text} or two{token.text}." for token in kept],
    )


def without(definition: dict[str, Any], unreachable: Collection[int]) -> dict[str, Any]:
    """A tokenizer.json whose tokens of these ids no text yields.

    They stay where they are: the library numbers added tokens by their places. It is told to take
    no special token out of a text, so these are special and the others are not.
    """
    changed = copy.deepcopy(definition)
    changed["post_processor"] = None
    model = changed["model"]
    for token in changed["added_tokens"]:
        if token["id"] in unreachable:
            token["special"] = True
            if model["type"] == "Unigram" or token["content"] != model.get("unk_token"):
                token["content"] = UNREACHABLE + token["content"]
    if model["type"] == "Unigram":
        for token_id in unreachable:
            if token_id < len(model["vocab"]):
                model["vocab"][token_id][0] = UNREACHABLE + model["vocab"][token_id][0]
    else:
        unknown = model.get("unk_token")  # which the model looks up by its name
        model["vocab"] = {
            UNREACHABLE + piece if i in unreachable and piece != unknown else piece: i
            for piece, i in model["vocab"].items()
        }
    return changed
