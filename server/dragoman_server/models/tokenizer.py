"""The tokenizer of a bundle. How it works is `dragoman.tokenizer`'s, which export verified."""

from dragoman.tokenizer import Tokenizer, open_tokenizer
from dragoman_server.errors import BundleError
from dragoman_server.models.bundle import Bundle


def load_tokenizer(bundle: Bundle) -> Tokenizer:
    """Reads the bundle's files.

    Raises:
        BundleError: They are no tokenizer's, or those of another kind.
    """
    try:
        manifest = bundle.manifest
        return open_tokenizer(bundle.path, manifest.tokenizer, manifest.special_tokens)
    except (OSError, RuntimeError, ValueError) as error:
        raise BundleError(f"{bundle.path}: the tokenizer cannot be read: {error}") from error
