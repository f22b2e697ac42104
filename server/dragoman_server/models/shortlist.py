"""Whether a bundle has what lets sentences choose among lists of tokens, and what is wrong with it.

Looks at the manifest alone. Does not know files or lists.
"""

from collections.abc import Iterator

from dragoman.v1.bundle_pb2 import Manifest, Shortlist
from dragoman_server.errors import ConfigError
from dragoman_server.models.formats import format_of

LIST_INPUTS = {
    "union_weight": "int8",
    "union_scale": "float",
    "union_bias": "float",
    "list_columns": "int64",
    "list_ids": "int64",
    "wanted_columns": "int64",
}
"""Of the decoding step in which rows choose among lists, in place of the other one's wanted_ids."""


def paths_of(shortlist: Shortlist) -> dict[str, str]:
    """Returns the paths of its files by the fields that have them; none where it is absent."""
    if not shortlist.HasField("decoder"):
        return {}
    names = (field.name for field in shortlist.DESCRIPTOR.fields)
    arrays = {name: getattr(shortlist, name) for name in names if name.endswith("_path")}
    return {"decoder.path": shortlist.decoder.path, **arrays}


def problems_of_shortlist(manifest: Manifest) -> Iterator[str]:
    """Yields what is wrong, a sentence each; nothing where there is none."""
    if not manifest.HasField("shortlist"):
        return
    shortlist = manifest.shortlist
    if format_of(manifest) != "onnx" or manifest.precision != "int8":
        yield (
            f"shortlist is in a bundle of {format_of(manifest)} in {manifest.precision[:35]!r}; "
            "allowed: onnx in int8"
        )
    given = {tensor.name: tensor.data_type for tensor in shortlist.decoder.inputs}
    common = [tensor for tensor in shortlist.decoder.inputs if tensor.name not in LIST_INPUTS]
    others = [tensor for tensor in manifest.decoder.inputs if tensor.name != "wanted_ids"]
    if common != others or not LIST_INPUTS.items() <= given.items():
        yield (
            "shortlist.decoder.inputs are not those of decoder.inputs with "
            f"{', '.join(LIST_INPUTS)} in place of wanted_ids"
        )
    if list(shortlist.decoder.outputs) != list(manifest.decoder.outputs):
        yield "shortlist.decoder.outputs are not those of decoder.outputs"


def require_shortlist(manifest: Manifest, provider: str) -> None:
    """Raises ConfigError where the setting asks for what the bundle or the provider lacks."""
    if not manifest.HasField("shortlist"):
        raise ConfigError(
            f"shortlist is set, and the bundle {manifest.name} has none: export it with "
            "--precision int8 --shortlist FILE, or leave the setting out"
        )
    if provider != "cpu":
        raise ConfigError(f"shortlist goes with provider cpu, and not with {provider}")
