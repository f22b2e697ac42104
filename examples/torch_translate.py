"""Greedy translation with a bundle that PyTorch runs, and with nothing else but PyTorch.

    python torch_translate.py bundles/en-de "Good morning!" "Good night!"
    python torch_translate.py bundles/en-de --ids "512 77 3 0"

Made by `dragoman export --format torchscript` or `--format pt2`. Token ids are a source as the
model wants it, with what ends it; texts need sentencepiece and a bundle with two models of it. To
be copied: nothing here is of Dragoman. A server batches at every step, searches with beams and cuts
any text into tokens; this loop does not.
"""

import argparse
import json
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

TYPES = {"float": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}


def load_graph(file: Path, device: str) -> Callable[..., Tensor]:
    """Loads an artefact to a device.

    What TorchScript has frozen does not follow `.to(device)`: it is loaded to where it runs.
    """
    if file.suffix == ".pt2":
        from torch.export.passes import move_to_device_pass  # noqa: PLC0415 - not of every PyTorch

        return move_to_device_pass(torch.export.load(file), device).module()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of TorchScript as a whole
        graph: Callable[..., Tensor] = torch.jit.load(file, map_location=device)  # type: ignore[no-untyped-call]
        return graph


def allocate(manifest: dict[str, Any], key_value: Tensor, capacity: int) -> list[Tensor]:
    """The decoder's caches in the order of its inputs: its own empty, the source's filled.

    Args:
        manifest: What bundle.json has.
        key_value: What the encoder returned, (2 * layers, rows, heads, source, head_dim).
        capacity: Target tokens that there is room for.
    """
    rows = key_value.shape[1]
    source = iter(key_value)
    caches = []
    for tensor in manifest["decoder"]["inputs"][4:]:
        if tensor["name"].startswith("cross_"):
            caches.append(next(source))
        else:
            sizes = {"rows": rows, "target_capacity": capacity}
            shape = [sizes[size] if size in sizes else int(size) for size in tensor["shape"]]
            kind = TYPES[tensor["data_type"]]
            caches.append(torch.zeros(shape, dtype=kind, device=key_value.device))
    return caches


class Translator:
    """A bundle, loaded."""

    def __init__(self, bundle: Path, device: str = "cpu") -> None:
        """Loads both graphs.

        Raises:
            SystemExit: The bundle is of graphs that PyTorch does not run.
        """
        self.manifest = json.loads((bundle / "bundle.json").read_text(encoding="utf-8"))
        if (made := self.manifest.get("format") or "onnx") not in {"torchscript", "pt2"}:
            raise SystemExit(f"{bundle} has graphs of format {made}; allowed: torchscript, pt2")
        self.device = device
        self.encoder, self.decoder = (
            load_graph(bundle / self.manifest[name]["path"], device)
            for name in ("encoder", "decoder")
        )

    @torch.inference_mode()
    def greedy(
        self, sources: Sequence[Sequence[int]], limit: int, begins: Sequence[int] = ()
    ) -> list[list[int]]:
        """The likeliest token after the likeliest token.

        Args:
            sources: Token ids of each sentence, 1 or more.
            limit: The most tokens of a translation, those that it begins with not counted.
            begins: What every translation begins with: a target language, of models that are
                told it so.

        Returns:
            Token ids of each translation, with its end token if it has come to it.
        """
        special, rows = self.manifest["special_tokens"], len(sources)
        longest, capacity = max(map(len, sources)), len(begins) + limit
        lengths = torch.tensor([len(source) for source in sources], device=self.device)
        source_mask = torch.arange(longest, device=self.device) < lengths[:, None]
        token_ids = torch.zeros((rows, longest), dtype=torch.int64, device=self.device)
        token_ids[source_mask] = torch.tensor([i for s in sources for i in s], device=self.device)
        caches = allocate(self.manifest, self.encoder(token_ids, source_mask), capacity)
        last = torch.full((rows,), special["decoder_start_id"], device=self.device)
        places = torch.arange(capacity, device=self.device)
        ended = torch.zeros(rows, dtype=torch.bool, device=self.device)
        said = []
        for position in range(capacity):
            positions = torch.full_like(last, position)
            target_mask = (places <= position).repeat(rows, 1)
            logits = self.decoder(last, positions, target_mask, source_mask, *caches)
            if position < len(begins):
                last = torch.full_like(last, begins[position])
                continue
            last = logits.argmax(dim=1)
            said.append(last)
            ended |= last == special["end_id"]
            if ended.all():
                break
        return [_until(special["end_id"], row) for row in torch.stack(said, dim=1).tolist()]


def _until(end_id: int, row: list[int]) -> list[int]:
    return row[: row.index(end_id) + 1] if end_id in row else row


class Pieces:
    """Texts to tokens and back by two sentencepiece models and a vocabulary, as Marian has them."""

    def __init__(self, bundle: Path, manifest: dict[str, Any]) -> None:
        """Reads the files.

        Raises:
            SystemExit: The bundle's tokenizer is of another kind, or has more to it.
        """
        files, self._special = manifest["tokenizer"], manifest["special_tokens"]
        plain = not (files["added_tokens"] or files["target_vocabulary_path"] or "moses" in files)
        if files["kind"] != "sentencepiece" or not plain:
            raise SystemExit(f"{bundle} has another tokenizer than two sentencepiece models: --ids")
        from sentencepiece import SentencePieceProcessor  # noqa: PLC0415 - not needed for ids

        self._source, self._target = (
            SentencePieceProcessor(model_file=str(bundle / files[f"{side}_model_path"]))
            for side in ("source", "target")
        )
        vocabulary = (bundle / files["vocabulary_path"]).read_text(encoding="utf-8")
        self._ids: dict[str, int] = json.loads(vocabulary)
        self._pieces = {number: piece for piece, number in self._ids.items()}

    def encode(self, text: str) -> list[int]:
        """Ids of a source, the end token last."""
        pieces = self._source.encode(text, out_type=str)
        unknown = self._special["unknown_id"]
        return [*(self._ids.get(piece, unknown) for piece in pieces), self._special["end_id"]]

    def decode(self, token_ids: Sequence[int]) -> str:
        """The text of a translation."""
        hidden = {self._special[name] for name in ("end_id", "decoder_start_id", "unknown_id")}
        text: str = self._target.decode([self._pieces[i] for i in token_ids if i not in hidden])
        return text


def token_ids(text: str) -> list[int]:
    """Ids with spaces between them, one or more."""
    ids = [int(word) for word in text.split()]
    if not ids or min(ids) < 0:
        raise ValueError(text)
    return ids


def main() -> None:
    """Prints a line for each sentence."""
    parser = argparse.ArgumentParser(description="Translates with a bundle that PyTorch runs.")
    parser.add_argument("bundle", type=Path)
    parser.add_argument("sentences", nargs="+", help="texts, or with --ids token ids")
    parser.add_argument("--ids", action="store_true", help="take and print token ids, no text")
    parser.add_argument(
        "--begins", type=token_ids, default=[], help="ids that translations begin with"
    )
    parser.add_argument("--limit", type=int, help="the most tokens; default: what the bundle says")
    parser.add_argument("--device", default="cpu", help="such as cuda")
    given = parser.parse_args()
    translator = Translator(given.bundle, given.device)
    pieces = None if given.ids else Pieces(given.bundle, translator.manifest)
    try:
        sources = [(pieces.encode if pieces else token_ids)(text) for text in given.sentences]
    except ValueError as error:
        parser.error(f"token ids are whole numbers from 0, one or more; given: {error}")
    limit = given.limit or translator.manifest["decoding_defaults"]["max_decoding_length"]
    for said in translator.greedy(sources, limit, given.begins):
        print(pieces.decode(said) if pieces else " ".join(map(str, said)))


if __name__ == "__main__":
    main()
