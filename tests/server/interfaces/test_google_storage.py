"""gs:// is a directory, and nothing outside of it, whatever a name says or a link leads to."""

import os
from pathlib import Path

import pytest

from dragoman_server.errors import (
    ConfigError,
    InvalidArgumentError,
    NotFoundError,
    PreconditionError,
)

storage = pytest.importorskip("dragoman_server.interfaces.google.storage")

SECRET = "secret\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A bucket with a file and a folder; beside all of it, what nobody may see."""
    (tmp_path / "secret.txt").write_text(SECRET)
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret.txt").write_text(SECRET)
    bucket = tmp_path / "root" / "bucket"
    (bucket / "folder").mkdir(parents=True)
    (bucket / "file.txt").write_text("a")
    (bucket / "folder" / "file.txt").write_text("b")
    (tmp_path / "root" / ".operations").mkdir()
    (tmp_path / "root" / ".operations" / "file.txt").write_text(SECRET)
    return tmp_path / "root"


def read(root: Path, uri: str, most_bytes: int = 100) -> bytes:
    place = storage.place_of(uri, "uri")
    content: bytes = storage.Storage(root).read(place, "uri", most_bytes=most_bytes)
    return content


def test_a_file_of_a_bucket_is_read(root: Path) -> None:
    assert read(root, "gs://bucket/file.txt") == b"a"
    assert read(root, "gs://bucket/folder/file.txt") == b"b"


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "gs://",
        "gs://bucket",
        "gs://bucket/",
        "gs:///etc/passwd",
        "/etc/passwd",
        "file:///etc/passwd",
        "s3://bucket/file.txt",
        "gs://../secret.txt",
        "gs://./bucket/file.txt",
        "gs://.operations/file.txt",
        "gs://bucket/../../secret.txt",
        "gs://bucket/folder/../file.txt",
        "gs://bucket/./file.txt",
        "gs://bucket//file.txt",
        "gs://bucket//etc/passwd",
        "gs://bucket/folder/",
        "gs://bucket/..",
        "gs://bucket/file.txt\0.tsv",
        "gs://bu\0cket/file.txt",
        "gs://bucket\n/../../secret.txt",
        f"gs://bucket/{'a/' * 3000}a",
        f"gs://bucket/{'ä' * 513}",
    ],
)
def test_a_name_that_could_lead_elsewhere_is_refused(root: Path, uri: str) -> None:
    with pytest.raises(InvalidArgumentError, match=r"allowed: gs://BUCKET/OBJECT of at most"):
        read(root, uri)


@pytest.mark.parametrize(
    "uri",
    [
        "gs://bucket/none.txt",
        "gs://none/file.txt",
        "gs://bucket/folder",
        "gs://bucket/file.txt/file.txt",
        "gs://bucket/%2e%2e/%2e%2e/secret.txt",
        "gs://bucket/..%2f..%2fsecret.txt",
        "gs://bucket/..\\..\\secret.txt",
        f"gs://bucket/{'a' * 300}",
        f"gs://bucket/{'a/' * 511}aa",
    ],
)
def test_what_is_not_there_is_not_found(root: Path, uri: str) -> None:
    with pytest.raises(NotFoundError, match="that the server may use"):
        read(root, uri)


def test_no_link_is_followed_wherever_it_stands(root: Path) -> None:
    bucket = root / "bucket"
    (bucket / "file-link.txt").symlink_to(root.parent / "secret.txt")
    (bucket / "relative.txt").symlink_to("../../secret.txt")
    (bucket / "folder-link").symlink_to(root.parent / "outside")
    (bucket / "folder" / "up").symlink_to("..")
    (root / "bucket-link").symlink_to(root.parent / "outside")
    for name in (
        "bucket/file-link.txt",
        "bucket/relative.txt",
        "bucket/folder-link/secret.txt",
        "bucket/folder/up/file.txt",
        "bucket-link/secret.txt",
    ):
        assert (root / name).read_text() in (SECRET, "a")
        with pytest.raises(NotFoundError):
            read(root, f"gs://{name}")


def test_a_pipe_keeps_nobody_waiting(root: Path) -> None:
    os.mkfifo(root / "bucket" / "pipe.txt")
    with pytest.raises(NotFoundError):
        read(root, "gs://bucket/pipe.txt")


def test_a_large_file_is_refused_before_all_of_it_is_read(root: Path) -> None:
    os.truncate(root / "bucket" / "file.txt", 1 << 40)  # of holes
    with pytest.raises(InvalidArgumentError, match="a file of more than 100 bytes"):
        read(root, "gs://bucket/file.txt")


def test_nothing_is_left_open(root: Path) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    read(root, "gs://bucket/folder/file.txt")
    os.mkfifo(root / "bucket" / "pipe.txt")
    for path in ("none/none/none.txt", "folder/none.txt", "folder", "pipe.txt"):
        uri = f"gs://bucket/{path}"
        with pytest.raises(NotFoundError):
            read(root, uri)
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def write(root: Path, uri: str, name: str = "new.txt") -> None:
    storage.Storage(root).write(storage.place_of(uri, "uri", is_folder=True), name, b"x")


def test_a_file_is_written_with_the_directories_above_it(root: Path) -> None:
    write(root, "gs://bucket/a/b/")
    write(root, "gs://bucket/")
    assert read(root, "gs://bucket/a/b/new.txt") == read(root, "gs://bucket/new.txt") == b"x"
    assert sorted(path.name for path in (root / "bucket/a/b").iterdir()) == ["new.txt"]


def test_nothing_outside_is_written(root: Path) -> None:
    outside = root.parent / "outside"
    (root / "bucket" / "link").symlink_to(outside)
    (root / "link").symlink_to(outside)
    for uri in ("gs://bucket/link/", "gs://bucket/link/deeper/", "gs://link/", "gs://none/a/"):
        with pytest.raises(NotFoundError):
            write(root, uri)
    (root / "bucket" / "file-link.txt").symlink_to(outside / "secret.txt")
    write(root, "gs://bucket/", "file-link.txt")  # which takes the link's place
    assert (outside / "secret.txt").read_text() == SECRET
    assert sorted(path.name for path in outside.iterdir()) == ["secret.txt"]
    assert not (root / "none").exists()


def test_a_file_that_cannot_be_written_leaves_nothing_behind(root: Path) -> None:
    before = sorted(path.name for path in (root / "bucket").iterdir())
    with pytest.raises(PreconditionError, match="cannot be written: Is a directory"):
        write(root, "gs://bucket/", "folder")
    assert sorted(path.name for path in (root / "bucket").iterdir()) == before


def test_a_server_does_not_start_without_its_directory(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is no directory"):
        storage.Storage.of(tmp_path / "none")
