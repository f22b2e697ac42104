"""What the sidecar's script makes of a bucket, as a server's directory of models."""

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dragoman_server.pool.folder import find_bundles
from tests.deploy.manifests import DEPLOY
from tests.server.pool.test_folder import bundle

SCRIPT = DEPLOY / "components/models-from-bucket/synchronise.sh"

PATIENCE_SECONDS = 60.0

RCLONE = """#!/bin/sh
# As much of rclone as the script uses, from one directory to another.
set -eu
case $1 in
  lsf) cd "$3"; for name in */; do if [ -d "$name" ]; then echo "$name"; fi; done ;;
  sync) [ ! -e "$3/.broken" ] && rm -rf "$4" && cp -r "$3" "$4" ;;
esac
"""


@pytest.fixture
def bucket(tmp_path: Path) -> Path:
    path = tmp_path / "bucket"
    path.mkdir()
    return path


@pytest.fixture
def served(tmp_path: Path, bucket: Path) -> Iterator[Path]:
    """The directory that the server follows, while the script runs."""
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "rclone").write_text(RCLONE)
    (programs / "rclone").chmod(0o755)
    environment = {
        "PATH": f"{programs}:{os.environ['PATH']}",
        "MODELS": str(tmp_path / "models"),
        "SOURCE": str(bucket),
        "SECONDS_BETWEEN": "0.1",
    }
    with subprocess.Popen(["sh", str(SCRIPT)], env=environment, stderr=subprocess.DEVNULL) as run:
        yield tmp_path / "models/served"
        run.terminate()


def until(holds: Callable[[], bool]) -> None:
    given_up_at = time.monotonic() + PATIENCE_SECONDS
    while not holds():
        assert time.monotonic() < given_up_at, "it never came to that"
        time.sleep(0.02)


def contents(served: Path) -> dict[str, str]:
    """What bundle.json says, by the name of the bundle."""
    if not served.is_dir():
        return {}
    return {
        each.label: (each.source.path / "bundle.json").read_text() for each in find_bundles(served)
    }


def test_what_comes_is_served_and_what_goes_is_not(served: Path, bucket: Path) -> None:
    bundle(bucket / "en-de@1", "one")
    bundle(bucket / "en-fr", "two")
    (bucket / "notes").mkdir()
    until(lambda: contents(served) == {"en-de@1": "one", "en-fr": "two"})
    assert (served / "en-fr/tokenizer/source.spm").read_text() == "pieces"
    shutil.rmtree(bucket / "en-fr")
    until(lambda: contents(served) == {"en-de@1": "one"})
    until(lambda: len(list((served.parent / "stored").iterdir())) == 1)


def test_a_bundle_is_replaced_by_one_link(served: Path, bucket: Path) -> None:
    bundle(bucket / "en-de", "one")
    until(lambda: contents(served) == {"en-de": "one"})
    assert (served / "en-de").is_symlink()
    whole = bucket.with_name("two")
    whole.write_text("two")
    whole.replace(bucket / "en-de/bundle.json")  # at once: a copy of it half written is one
    seen = set()

    def replaced() -> bool:
        seen.add(tuple(contents(served).items()))
        return contents(served) == {"en-de": "two"}

    until(replaced)
    assert seen <= {(("en-de", "one"),), (("en-de", "two"),)}


def test_while_the_source_cannot_be_read_nothing_changes(served: Path, bucket: Path) -> None:
    bundle(bucket / "en-de", "one")
    until(lambda: contents(served) == {"en-de": "one"})
    bucket.rename(bucket.with_name("away"))
    time.sleep(0.5)  # several looks
    assert contents(served) == {"en-de": "one"}
    bucket.with_name("away").rename(bucket)
    (bucket / "en-de/.broken").touch()
    (bucket / "en-de/bundle.json").write_text("two")
    bundle(bucket / "en-fr", "three")
    until(lambda: contents(served) == {"en-de": "one", "en-fr": "three"})


def test_it_is_ready_once_all_has_come(served: Path, bucket: Path) -> None:
    bundle(bucket / "en-de", "one")
    until((served.parent / ".synchronised").exists)
    assert contents(served) == {"en-de": "one"}
