"""A Marian checkpoint's vocabulary."""

import json
from pathlib import Path

END, UNKNOWN, PAD = "</s>", "<unk>", "<pad>"


def read_tokens(checkpoint: Path) -> list[str]:
    """Returns the tokens in the order of their ids."""
    ids: dict[str, int] = json.loads((checkpoint / "vocab.json").read_text("utf-8"))
    return sorted(ids, key=ids.__getitem__)
