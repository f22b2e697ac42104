"""Which library runs a bundle, and what the server needs of it.

The one module that knows both. Neither is imported before a bundle needs it: onnxruntime takes a
second, torch takes several, and one of them need not be installed. Knows no graph.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from dragoman.v1.bundle_pb2 import Manifest
from dragoman_server.errors import ConfigError
from dragoman_server.models import Bundle, RuntimeName, format_of, runtime_of
from dragoman_server.runtime.attention_runner import AttentionSession
from dragoman_server.runtime.kv_cache import CacheShape
from dragoman_server.runtime.prepared import Runners


class Runtime(Protocol):
    """A library that runs graphs."""

    def choose_provider(self, requested: str, made_for: Sequence[str]) -> str:
        """Returns "cpu" or "cuda".

        Args:
            requested: auto, cpu or cuda. `auto` takes CUDA where it is there and the bundle is made
                for it, and says why where not.
            made_for: Providers that the bundle's graphs are made for.

        Raises:
            ConfigError: What is asked for is not there, or the bundle is not made for what is.
        """

    def load_runners(
        self,
        bundle: Bundle,
        provider: str,
        shape: Callable[[int], CacheShape],
        *,
        cores: int,
        engines: int | None = None,
        threads: int | None = None,
        fixed_shapes: bool = False,
        with_shortlist: bool = False,
    ) -> Runners:
        """Loads the graphs and allocates the caches of all engines.

        From then on the bundle's files may change: nothing more is read of them.

        Args:
            bundle: What to run.
            provider: cpu or cuda, as choose_provider returns it.
            shape: Of each engine's caches where there are so many engines.
            cores: CPU cores of the machine.
            engines: How many, if that is settled; else one on cuda, and what is fastest on cpu.
            threads: CPU threads of an engine, likewise; of no account on cuda.
            fixed_shapes: Whether each step has the same number of rows, whatever runs, so that no
                translation depends on its neighbours; of no account where none does anyway.
            with_shortlist: Whether rows choose among lists, as the bundle's shortlist says.

        Raises:
            BundleError: A graph cannot be loaded.
            ConfigError: The provider does not start or has no room, or there is no shortlist.
        """

    def attention_session(self, bundle: Bundle, provider: str) -> AttentionSession:
        """Loads the graph of attention weights, for what runs the others.

        Raises:
            BundleError: It cannot be loaded.
            ConfigError: The provider does not start.
        """


class Chosen(NamedTuple):
    """What runs a bundle."""

    name: RuntimeName
    runtime: Runtime
    provider: str
    """cpu or cuda."""


def choose(manifest: Manifest, runtime: str, provider: str) -> Chosen:
    """Returns what runs a bundle here.

    Args:
        manifest: The bundle's.
        runtime: auto, or the runtime that is asked for.
        provider: auto, cpu or cuda.

    Raises:
        ConfigError: The bundle is not for what is asked for, or that is not there.
    """
    name = runtime_of(manifest)
    if runtime not in {"auto", name}:
        raise ConfigError(
            f"runtime {runtime} is asked for, and the bundle {manifest.name} is in the format "
            f"{format_of(manifest)}, which {name} runs; allowed: {name} or auto"
        )
    loaded = _torch(manifest) if name == "torch" else _onnxruntime(manifest)
    return Chosen(name, loaded, loaded.choose_provider(provider, manifest.providers))


def _onnxruntime(manifest: Manifest) -> Runtime:
    try:
        from dragoman_server.runtime import runners  # noqa: PLC0415
    except ImportError as error:
        raise ConfigError(
            f"the bundle {manifest.name} needs onnxruntime, which cannot be loaded: {error}. "
            "Install Dragoman with one of the extras server and gpu, never both; or export with "
            "--format torchscript for torch"
        ) from error
    return runners


def _torch(manifest: Manifest) -> Runtime:
    try:
        from dragoman_server.runtime.pytorch import loading  # noqa: PLC0415
    except ImportError as error:
        raise ConfigError(
            f"the bundle {manifest.name} is in the format {manifest.format} and needs torch, which "
            f"cannot be loaded: {error}. Install Dragoman with the extra torch; or export with "
            "--format onnx for onnxruntime"
        ) from error
    return loading
