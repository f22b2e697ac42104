"""What each label stands for, and so what is served and under which names.

A label is the name of a bundle's directory. Pure. Does not know how a version comes or goes.
"""

from dragoman_server.errors import BundleError, NotFoundError, shorten
from dragoman_server.models import VersionedName, newness
from dragoman_server.pool.folder import Source
from dragoman_server.pool.version import Version
from dragoman_server.processes import Serve


class Labels(dict[str, Version]):
    """Versions by labels; several labels may stand for one."""

    def __init__(self) -> None:
        super().__init__()
        self._chosen: dict[str, str] = {}
        """Versions that answer to their models' names whatever labels say."""

    @property
    def versions(self) -> list[Version]:
        """What is served, each once."""
        return list(dict.fromkeys(self.values()))

    def known(self, source: Source) -> Version | None:
        """Returns the version that is made of a bundle, if one is."""
        return next((each for each in self.versions if each.source == source), None)

    def serve(self) -> Serve:
        """Returns what front ends are to serve."""
        versions = self.versions
        defaults = {self.default(name).number for name in {each.model.name for each in versions}}
        return Serve(tuple(each.number for each in versions), frozenset(defaults))

    def default(self, name: str) -> Version:
        """Returns the version that answers to a name alone.

        What was chosen, else that of a label without a version, else the newest.
        """
        labelled = {label: each for label, each in self.items() if each.model.name == name}
        versions = labelled.values()
        chosen = [each for each in versions if each.model.version == self._chosen.get(name)]
        plain = [each for label, each in labelled.items() if not VersionedName.parse(label).version]
        newest = max(versions, key=lambda each: newness(each.model.version))
        return next(iter([*chosen, *plain, newest]))

    def choose(self, name: str, version: str) -> None:
        """Lets a version answer to its model's name; an empty one leaves it to the labels.

        Raises:
            NotFoundError: No such version is served.
        """
        served = {(each.model.name, each.model.version) for each in self.versions}
        if version and (name, version) not in served:
            asked = shorten(str(VersionedName(name, version)))
            raise NotFoundError(f"no model {asked} is loaded", reason="MODEL_NOT_FOUND")
        self._chosen[name] = version

    def remove(self, version: Version) -> list[str]:
        """Takes a version away from all its labels, and returns those."""
        labels = [label for label, each in self.items() if each is version]
        for label in labels:
            del self[label]
        return labels

    def check_unique(self, version: Version, label: str) -> None:
        """Raises BundleError where another label already says what this one would."""
        for other, served in self.items():
            if other == label or served.model.name != version.model.name:
                continue
            name = version.model.name
            if served.model.version == version.model.version:
                raise BundleError(f"{label}: {version} is served already, from {other}")
            if VersionedName.parse(other).version is VersionedName.parse(label).version is None:
                raise BundleError(
                    f"{label} and {other} are both model {name!r}: call directories "
                    "NAME@VERSION to serve several versions of one"
                )
