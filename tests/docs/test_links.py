"""Whether links in the Markdown files lead somewhere: files and anchors. Asks no other host."""

import os
import re
from pathlib import Path
from urllib.parse import unquote

import pytest

ROOT = Path(__file__).parents[2]
NOT_OURS = {"build", "dist", "node_modules"}

CODE = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)
INLINE_CODE = re.compile(r"`[^`\n]+`")
LINK = re.compile(r"\]\(([^()\s]+)[^()]*\)|^\[[^]]+\]: (\S+)", re.MULTILINE)
HEADING = re.compile(r"^#+ +(.+?) *#*$", re.MULTILINE)
ELSEWHERE = re.compile(r"[a-z][a-z+.-]*:")


def pages(root: Path) -> list[Path]:
    """Returns the Markdown files, but for those of hidden folders and of what is built."""
    found: list[Path] = []
    for folder, folders, files in os.walk(root):
        folders[:] = [name for name in folders if name[0] != "." and name not in NOT_OURS]
        found += [Path(folder, name) for name in files if name.endswith(".md")]
    return sorted(found)


def anchors(page: str) -> set[str]:
    """Returns what GitHub makes of headings, the second of a name with -1 and so on."""
    found: list[str] = []
    for heading in HEADING.findall(CODE.sub("", page)):
        text = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading).lower()
        found.append(re.sub(r"[^\w\- ]", "", text).replace(" ", "-"))
    return {
        name if (before := found[:place].count(name)) == 0 else f"{name}-{before}"
        for place, name in enumerate(found)
    }


def broken(path: Path) -> list[str]:
    """Returns the links of a page that lead nowhere."""
    page = INLINE_CODE.sub("", CODE.sub("", path.read_text("utf-8")))
    links = [inline or reference for inline, reference in LINK.findall(page)]
    return [link for link in links if not ELSEWHERE.match(link) and not _leads(path, link)]


def _leads(path: Path, link: str) -> bool:
    file, _, anchor = unquote(link).partition("#")
    target = path.parent / file if file else path
    if not target.exists():
        return False
    return not anchor or (target.suffix == ".md" and anchor in anchors(target.read_text("utf-8")))


@pytest.mark.parametrize("path", pages(ROOT), ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_somewhere(path: Path) -> None:
    assert not broken(path)


def test_pages_are_found() -> None:
    assert {ROOT / "README.md", ROOT / "docs/performance.md"} <= set(pages(ROOT))


@pytest.mark.parametrize(
    "link", ["other.md", "#nothing", "page.md#nothing", "images/none.svg", "../none.md#title"]
)
def test_a_broken_link_is_found(link: str, tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"# Title\n\nSee [that]({link}) and ![this]({link}).\n", "utf-8")
    assert broken(page) == [link, link]


def test_what_leads_somewhere_and_what_is_no_link_is_not_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "# What `a.b` says, [here](page.md): all\n\n## Same\n\n## Same\n\n"
        "[1](page.md) [2](#what-ab-says-here-all) [3](page.md#same-1) [4](https://example.org/x#y)\n"
        "`[5](none.md)`\n\n```\n# Not a heading\n[6](none.md)\n```\n",
        "utf-8",
    )
    assert broken(page) == []
    assert anchors(page.read_text("utf-8")) == {"what-ab-says-here-all", "same", "same-1"}
