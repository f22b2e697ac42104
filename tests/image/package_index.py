"""What pip needs in a build to reach the packages that it reaches here.

Knows pip's settings of this machine; the Dockerfile knows none of them.
"""

import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

# Addresses and patience. What else pip is told here, files of this machine above all, stays here.
_HANDED_ON = {"default-timeout", "extra-index-url", "index-url", "proxy", "timeout", "trusted-host"}

_CERTIFICATES = "/etc/ssl/certs"


def pip_mounts(directory: Path) -> dict[Path, str]:
    """Returns what to mount into a build: certificates and a file with pip's settings."""
    settings = directory / "home/.config/pip/pip.conf"
    settings.parent.mkdir(parents=True, exist_ok=True)
    authorities = f"cert = {_CERTIFICATES}/ca-certificates.crt"
    settings.write_text("\n".join(["[global]", authorities, *_settings(), ""]))
    return {directory / "home": "/root", Path(_CERTIFICATES): _CERTIFICATES}


def torch_index(directory: Path, constraints: Path) -> Path:
    """Makes a package index of the PyTorch that pip takes here, and of nothing else."""
    index = directory / "index"
    files = index / "torch"
    if not files.is_dir():
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
        command += ["--constraint", str(constraints), "--dest", str(files), "torch"]
        subprocess.run(command, check=True)
    links = [f'<a href="{quote(file.name)}">{file.name}</a>' for file in files.glob("*.whl")]
    (files / "index.html").write_text("<!DOCTYPE html>\n" + "\n".join(links))
    return index


def _settings() -> list[str]:
    """Lines such as `index-url = ADDRESS`. A variable goes before a file, as with pip itself."""
    command = [sys.executable, "-m", "pip", "config", "list"]
    listed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    chosen = {}
    for line in sorted(listed.splitlines(), key=lambda line: line.startswith(":env:")):
        name, _, value = line.partition("=")
        key = name.rpartition(".")[2]
        addresses = [word for word in value.strip("'\"").split() if not word.startswith("file:")]
        if key in _HANDED_ON and addresses:
            chosen[key] = " ".join(addresses)
    return [f"{key} = {value}" for key, value in chosen.items()]
