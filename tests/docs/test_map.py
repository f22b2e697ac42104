"""The map in docs/architecture.md shows every package; what the page names is there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/architecture.md").read_text("utf-8")
MAP = re.search(r"^## The map$(.*?)^## ", PAGE, re.DOTALL | re.MULTILINE)
GENERATED = {"v1"}


def rows(package: str) -> list[list[str]]:
    """The cells of the table that is headed by `package`."""
    assert MAP is not None
    lines = iter(MAP[1].splitlines())
    while not next(lines).startswith(f"| {package} |"):
        pass
    next(lines)
    table = []
    for line in lines:
        if not line.startswith("|"):
            break
        table.append([cell.strip() for cell in line.strip("|").split("|")])
    return table


@pytest.mark.parametrize(
    ("package", "tests"),
    [
        ("server/dragoman_server", "tests/server"),
        ("export/dragoman_export", "tests/export"),
        ("clients/dragoman", "tests/clients"),
    ],
)
def test_each_package_has_its_row(package: str, tests: str) -> None:
    table = rows(package)
    shown = {name for first, *_ in table for name in re.findall(r"`(\w+)/`", first)}
    there = {path.parent.name for path in (ROOT / package).glob("*/__init__.py")}
    assert shown == there - GENERATED
    folders = {name for *_, last in table for name in re.findall(r"`(\w+)/`", last)}
    assert all((ROOT / tests / name).is_dir() for name in folders)


def test_each_module_at_a_root_that_is_named_is_there() -> None:
    for package in ("server/dragoman_server", "export/dragoman_export", "clients/dragoman"):
        for first, *_ in rows(package):
            for name in re.findall(r"`(\w+)`", first):
                assert (ROOT / package / f"{name}.py").is_file(), name


def test_the_files_that_the_page_names_are_there() -> None:
    names = [path.name for path in ROOT.glob("*/dragoman*/**/*.py")]
    for path in re.findall(r"`((?:\w+/)*\w+\.py)`", PAGE):
        found = (ROOT / path).is_file() or list(ROOT.glob(f"*/dragoman*/{path}"))
        assert found or path in names or list((ROOT / "tests").rglob(path)), path
