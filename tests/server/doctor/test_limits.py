import resource
from pathlib import Path

import pytest

from dragoman_server.doctor.finding import Finding
from dragoman_server.doctor.limits import check_limits
from tests.server.service.harness import make_config

UNLIMITED = resource.RLIM_INFINITY
NEEDED = 1 << 30


def found(
    limits: dict[str, int], huge_pages: Path = Path("/none"), **settings: object
) -> dict[str, Finding]:
    """With hard and soft limits by their names; others are what is usual."""
    usual = {"RLIMIT_CORE": 0} | limits

    def limit_of(kind: int) -> tuple[int, int]:
        values = [limit for name, limit in usual.items() if getattr(resource, name) == kind]
        return (values[0], values[0]) if values else (UNLIMITED, UNLIMITED)

    findings = check_limits(make_config(**settings), NEEDED, limit_of, huge_pages)
    return {each.check: each for each in findings}


def test_no_limits_are_fine() -> None:
    assert {each.state for each in found({}).values()} == {"ok"}


@pytest.mark.parametrize(
    ("files", "state"), [(4096 + 256, "ok"), (1024, "warning"), (256, "problem")]
)
def test_open_files_must_do_for_the_connections(files: int, state: str) -> None:
    finding = found({"RLIMIT_NOFILE": files})["open files"]
    assert finding.state == state
    assert bool(finding.advice) == (state != "ok")


@pytest.mark.parametrize(("files", "state"), [(2 * 4096 + 256, "ok"), (4096 + 256, "warning")])
def test_http_has_as_many_connections_again(files: int, state: str) -> None:
    finding = found({"RLIMIT_NOFILE": files}, http_port=0)["open files"]
    assert finding.state == state
    assert ("2,048 connections a port" in finding.found) == (state != "ok")


@pytest.mark.parametrize(("space", "state"), [(NEEDED, "warning"), (1 << 40, "ok")])
@pytest.mark.parametrize("name", ["RLIMIT_AS", "RLIMIT_DATA"])
def test_memory_must_do_for_the_models(name: str, space: int, state: str) -> None:
    assert found({name: space})["ulimit -v, -d"].state == state


def test_core_files_would_hold_texts() -> None:
    finding = found({"RLIMIT_CORE": UNLIMITED})["core files"]
    assert (finding.state, "texts of users" in finding.found) == ("warning", True)


@pytest.mark.parametrize(("chosen", "shown"), [("always", "2 MiB"), ("madvise", "madvise")])
def test_what_the_kernel_grants_is_told(tmp_path: Path, chosen: str, shown: str) -> None:
    (tmp_path / "enabled").write_text("always madvise never".replace(chosen, f"[{chosen}]"))
    assert shown in found({}, tmp_path / "enabled")["huge pages"].found
