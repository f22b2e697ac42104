"""The examples of clients/ in Go, Java and TypeScript, built once a run of the tests.

Knows the tools that each language needs, and skips where they are absent. Does not know what the
examples are asked.
"""

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.exports import Exports

ROOT = Path(__file__).parents[2]
CONFIG = ROOT / "clients/service_config.json"
BUILT = ("node_modules", "dist", "generated")
ANY_PROTO = Path("/usr/include/google/protobuf/any.proto")
JARS = Path("/usr/share/java")
NEEDED_JARS = (
    *("grpc-api", "grpc-context", "grpc-core", "grpc-netty", "grpc-protobuf", "grpc-protobuf-lite"),
    *("grpc-stub", "protobuf", "guava", "gson", "perfmark-api", "jsr305"),
    *("error_prone_annotations", "geronimo-annotation-1.3-spec", "netty-all", "netty-buffer"),
    *("netty-codec", "netty-codec-http", "netty-codec-http2", "netty-common", "netty-handler"),
    *("netty-handler-proxy", "netty-resolver", "netty-transport"),
)
"""Of libgrpc-java, libprotobuf-java, libnetty-java, libgoogle-gson-java and what these stand on."""


def build_go(exports: Exports) -> list[str]:
    """Returns the command, from modules that this machine has: `go mod download` fetches them."""
    need("go")
    settings = os.environ | {"GOPROXY": "off", "GOTOOLCHAIN": "local", "GOFLAGS": "-mod=readonly"}
    where = ROOT / "clients/go"
    found = run("go", "mod", "download", cwd=where, env=settings, check=False)
    if found.returncode:
        pytest.skip(f"needs Go's modules: {found.stderr.strip().splitlines()[-1]}")
    build = ("go", "build", "-o")
    path = exports.get(
        "client-go", lambda path: run(*build, path, "./translate", cwd=where, env=settings)
    )
    return [str(path)]


def build_java(exports: Exports) -> list[str]:
    """Returns the command, from the jars of the system: their protoc makes what fits them."""
    need("javac", "java", "protoc", "grpc_java_plugin")
    jars = [JARS / f"{name}.jar" for name in NEEDED_JARS]
    if absent := [str(file) for file in (*jars, ANY_PROTO) if not file.exists()]:
        pytest.skip(f"needs {', '.join(absent)}")
    libraries = ":".join(map(str, jars))
    classes = exports.get("client-java", lambda path: _compile_java(path, libraries))
    return [
        "java",
        "-XX:TieredStopAtLevel=1",
        "-cp",
        f"{classes}:{libraries}",
        "dragoman.Translate",
    ]


def _compile_java(path: Path, libraries: str) -> None:
    generated = path / "generated"
    generated.mkdir(parents=True)
    protos = ROOT / "protos"
    files = [str(file.relative_to(protos)) for file in sorted(protos.rglob("*.proto"))]
    plugin = f"--plugin=protoc-gen-grpc-java={shutil.which('grpc_java_plugin')}"
    outputs = [f"--java_out={generated}", f"--grpc-java_out={generated}"]
    run("protoc", "-I", protos, plugin, *outputs, *files)
    sources = [*generated.rglob("*.java"), *(ROOT / "clients/java/src").rglob("*.java")]
    fast = ("-J-XX:TieredStopAtLevel=1", "-proc:none", "-nowarn", "-encoding", "utf-8")
    run("javac", *fast, "--release", "17", "-d", path, "-cp", libraries, *sources)
    shutil.copy(CONFIG, path)


def build_typescript(exports: Exports) -> list[str]:
    """Returns the command, from the packages of the lock file, which npm fetches."""
    need("node", "npm")
    package = exports.get("client-typescript", _build_typescript) / "clients/typescript"
    return ["node", str(package / "dist/translate.js")]


def _build_typescript(path: Path) -> None:
    package = path / "clients/typescript"
    shutil.copytree(ROOT / "protos", path / "protos")
    shutil.copytree(ROOT / "clients/typescript", package, ignore=shutil.ignore_patterns(*BUILT))
    shutil.copy(CONFIG, path / "clients")
    run("npm", "ci", "--prefer-offline", "--no-audit", "--no-fund", cwd=package)
    run("npm", "run", "build", cwd=package)


BUILDS: dict[str, Callable[[Exports], list[str]]] = {
    "go": build_go,
    "java": build_java,
    "typescript": build_typescript,
}


def need(*tools: str) -> None:
    """Skips the test where one of them is absent."""
    if absent := [tool for tool in tools if shutil.which(tool) is None]:
        pytest.skip(f"needs {', '.join(absent)}")


def run(
    *command: str | Path,
    cwd: Path | None = None,
    env: dict[str, str] | None = None,
    check: bool = True,
) -> subprocess.CompletedProcess[str]:
    """Runs a tool; what it said is part of the failure."""
    ended = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, check=False)
    assert not (check and ended.returncode), ended.stdout + ended.stderr
    return ended


def said(
    command: list[str], *words: str, key: str = "", lines: str = ""
) -> subprocess.CompletedProcess[str]:
    """Runs an example, with a key or without."""
    environment = {name: value for name, value in os.environ.items() if name != "DRAGOMAN_API_KEY"}
    if key:
        environment["DRAGOMAN_API_KEY"] = key
    return subprocess.run(
        [*command, *words],
        input=lines,
        env=environment,
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )
