"""The models that are served: finds the one that a request means, by its name or its languages.

Knows versions, and which of them answers to a name alone. Does not know how models are loaded, nor
how anything is translated.
"""

import difflib
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from dragoman.v1.translation_pb2 import (
    Model,
    StreamTranslateTextRequest,
    TranslateTextRequest,
)
from dragoman_server.engine import Sender, TimeLimit
from dragoman_server.errors import (
    MOST_LISTED,
    InvalidArgumentError,
    NotFoundError,
    OverloadError,
    UnavailableError,
    listed,
    shorten,
)
from dragoman_server.models import MAX_CODE_LENGTH, VersionedName
from dragoman_server.service.translator import Translator

MOST_FOUND = 1024
"""Different requests that are remembered."""

MOST_NAME_LENGTH = 600
"""Of a request that is remembered; names and versions have 256 characters at most."""

Request = TranslateTextRequest | StreamTranslateTextRequest

Allowed = frozenset[str] | None
"""Names of the models that a caller may use; None for all."""


class Entry(NamedTuple):
    """One version of a model."""

    translator: Translator
    is_default: bool
    """Whether it answers where the name alone is said; one version of each name does."""


class Catalog:
    """What is served now; `publish` changes all of it at once.

    Attributes:
        entries: What is served.
    """

    def __init__(self, entries: Iterable[Entry] = ()) -> None:
        self._versions: dict[tuple[str, str], Translator] = {}
        self._defaults: dict[str, Translator] = {}
        self._found: dict[tuple[str, str, str, Allowed], Translator] = {}
        self._translators: frozenset[Translator] = frozenset()
        self.publish(entries)

    def publish(self, entries: Iterable[Entry]) -> None:
        """Serves these from now on; requests that have begun stay where they are."""
        self.entries = list(entries)
        each = [(entry.translator.model, entry) for entry in self.entries]
        self._versions = {(model.name, model.version): entry.translator for model, entry in each}
        self._defaults = {model.name: entry.translator for model, entry in each if entry.is_default}
        self._found = {}
        self._translators = frozenset(entry.translator for entry in self.entries)

    def __contains__(self, translator: object) -> bool:
        return translator in self._translators

    def models(self, allowed: Allowed = None) -> list[Model]:
        """Returns the models as ListModels tells them."""
        listed = []
        for translator, is_default in self.entries:
            if allowed is None or translator.model.name in allowed:
                model = Model()
                model.CopyFrom(translator.model)
                model.is_default = is_default
                listed.append(model)
        return listed

    def find(self, request: Request, allowed: Allowed = None) -> Translator:
        """Returns the model that a request means.

        Raises:
            NotFoundError: There is none, or none that the caller may use.
            InvalidArgumentError: It names none, and several fit.
            UnavailableError: No model is loaded.
        """
        source, target = request.source_language_code, request.target_language_code
        key = (request.model, source, target, allowed)
        if (found := self._found.get(key)) is None:
            found = self._search(request, allowed)
            if len(request.model) <= MOST_NAME_LENGTH and len(source + target) <= _MOST_CODES:
                if len(self._found) >= MOST_FOUND:
                    self._found.clear()
                self._found[key] = found
        return found

    def default_translators(self, allowed: Allowed = None) -> list[Translator]:
        """Returns those that answer to their names alone and that the caller may use, by name."""
        return [
            translator
            for name, translator in sorted(self._defaults.items())
            if allowed is None or name in allowed
        ]

    @property
    def is_at_ease(self) -> bool:
        """Whether a model's engines are: there is no need to ask them before a request is read."""
        for translator, _ in self.entries:  # noqa: SIM110  it is asked for each call
            if translator.is_at_ease:
                return True
        return False

    def check_room(self, limit: TimeLimit, sender: Sender, texts_ahead: int) -> None:
        """Refuses a call that no model would take, before anybody has read which one it means.

        Raises:
            OverloadError: That of the first of the models.
        """
        refusal: OverloadError | None = None
        for translator, _ in self.entries:
            try:
                translator.check_room(limit, sender, texts_ahead)
            except OverloadError as error:
                refusal = refusal or error
            else:
                return
        if refusal is not None:
            raise refusal

    def _search(self, request: Request, allowed: Allowed) -> Translator:
        may_use = {
            name: translator
            for name, translator in self._defaults.items()
            if allowed is None or name in allowed
        }
        if not self._defaults:
            raise UnavailableError("no model is loaded yet", reason="NO_MODEL")
        if not may_use:
            asked = f" {shorten(request.model)}" if request.model else ""
            raise NotFoundError(
                f"no model{asked} that the caller may use", reason="MODEL_NOT_FOUND"
            )
        if request.model:
            return self._named(request.model, may_use)
        if len(may_use) == 1:
            return next(iter(may_use.values()))
        return _by_languages(request, list(may_use.values()))

    def _named(self, asked: str, may_use: dict[str, Translator]) -> Translator:
        name, version = VersionedName.parse(asked)
        if name in may_use:
            if version is None:
                return may_use[name]
            if found := self._versions.get((name, version)):
                return found
            versions = sorted(each for other, each in self._versions if other == name)
            raise NotFoundError(
                f"no version {shorten(version)} of model {name!r}: there is {_listed(versions)}",
                reason="MODEL_NOT_FOUND",
            )
        near = difflib.get_close_matches(name[:_MOST_CODES], may_use, MOST_LISTED, cutoff=0.0)
        raise NotFoundError(
            f"no model {shorten(asked)}: there is {_listed(near)}", reason="MODEL_NOT_FOUND"
        )


_MOST_CODES = 2 * MAX_CODE_LENGTH


def _by_languages(request: Request, translators: Sequence[Translator]) -> Translator:
    source, target = request.source_language_code, request.target_language_code
    fitting = [each for each in translators if each.translates(source, target)]
    if len(fitting) == 1:
        return fitting[0]
    names = _listed(sorted(each.model.name for each in fitting or translators))
    if not fitting:
        pair = f"from {_shown(source)} to {_shown(target)}"
        raise NotFoundError(
            f"no model translates {pair}: there is {names}", reason="LANGUAGE_PAIR_NOT_FOUND"
        )
    raise InvalidArgumentError(
        f"model is empty, which is allowed only where one model translates from {_shown(source)} "
        f"to {_shown(target)}; these do: {names}",
        field="model",
        reason="MODEL_REQUIRED",
        allowed=names,
    )


def _listed(names: Sequence[str]) -> str:
    return listed([*map(repr, names)])


def _shown(code: str) -> str:
    return shorten(code) if code else "any language"
