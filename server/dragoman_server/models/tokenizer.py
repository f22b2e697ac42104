"""The tokenizer of a bundle. How it works is `dragoman.tokenizer`'s, which export verified."""

from dragoman.tokenizer import Tokenizer, open_tokenizer
from dragoman_server.errors import BundleError
from dragoman_server.models.bundle import Bundle
from dragoman_server.texts import is_joined


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


def word_continuations(bundle: Bundle) -> list[bool]:
    """Returns of every target token whether it goes on with a word before it.

    Empty where the tokens of this kind do not tell.

    Raises:
        BundleError: As `load_tokenizer` does.
    """
    pieces = load_tokenizer(bundle).target_pieces()
    return [is_joined("a", pieces.get(i, "")[:1]) for i in range(max(pieces, default=-1) + 1)]
