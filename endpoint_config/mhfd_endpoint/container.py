"""The recipe of a container with an endpoint in it, for Docker and for Apptainer, written into a folder.

The versions are those of the environment that writes it, which is the one that was tried. Builds and starts nothing.
"""

from collections.abc import Iterator
from importlib import metadata, resources
from pathlib import Path
from typing import Final, Literal

import mhfd
from mhfd_endpoint.errors import EndpointError

Cuda = Literal["none", "cuda12", "cuda13"]

TOOLS: Final = {"docker": "Dockerfile", "apptainer": "mhfd-endpoint.def"}
"""What each is told by."""
_HERE: Final = "mhfd_endpoint"
_SHARED: Final = ("install.sh", "wheels/README")
_COMPILER: Final = {"cuda12": "nvidia-cuda-nvrtc-cu12", "cuda13": "nvidia-cuda-nvrtc"}
"""What compiles the kernel where no CUDA toolkit is: the images have none."""


def write(
    folder: Path, *, cuda: Cuda = "none", tools: tuple[str, ...] = tuple(TOOLS), force: bool = False
) -> list[Path]:
    """Write the recipe; what is there is refused without `force`. EndpointError."""
    texts = shipped(_HERE, *(TOOLS[tool] for tool in tools), "start.sh")
    return put(folder, texts | installed(requirements(cuda)), force=force)


def installed(required: list[str]) -> dict[str, str]:
    """The files of a recipe by which mhfd is installed in an image, whatever is started there."""
    return shipped(_HERE, *_SHARED) | {
        "requirements.txt": "\n".join(required) + "\n",
        "constraints.txt": "\n".join(pins()) + "\n",
    }


def put(folder: Path, texts: dict[str, str], *, force: bool) -> list[Path]:
    """Write the files of a recipe; what is there is refused without `force`. EndpointError."""
    there = [folder / name for name in texts if (folder / name).exists()]
    if there and not force:
        raise EndpointError(f"{there[0]} is there already, nothing was written; --force replaces it")
    try:
        for name, text in texts.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
    except OSError as e:
        raise EndpointError(f"{path}: cannot be written: {e.strerror}") from e
    return [folder / name for name in texts]


def requirements(cuda: Cuda) -> list[str]:
    """What is installed: mhfd as it is here, with the endpoint's program, and what a GPU needs."""
    return of_extras("endpoint", cuda)


def of_extras(extras: str, cuda: Cuda) -> list[str]:
    """mhfd as it is here, with these extras, and what a GPU needs."""
    extras = extras if cuda == "none" else f"{extras},{cuda}"
    return [f"mhfd[{extras}]=={mhfd.__version__}", *([] if cuda == "none" else [_COMPILER[cuda]])]


def pins() -> Iterator[str]:
    """The version of every package that is installed here, but for mhfd's own and those that came from no index."""
    found: dict[str, str] = {}
    for one in metadata.distributions():
        name = str(one.metadata["Name"])
        if name.lower() != "mhfd" and one.read_text("direct_url.json") is None:
            found.setdefault(name.lower().replace("_", "-"), one.version)
    return (f"{name}=={version}" for name, version in sorted(found.items()))


def commands(folder: Path, *, cuda: Cuda, tools: tuple[str, ...]) -> list[str]:
    """What to type next."""
    lines = [f"python -m pip wheel --no-deps --wheel-dir {folder / 'wheels'} SOURCE_OF_MHFD    # where no index has it"]
    gpus = "" if cuda == "none" else " --gpus all"
    nvidia = "" if cuda == "none" else " --nv"
    if "docker" in tools:
        lines += [
            f"docker build --build-arg UID=$(id -u) --build-arg GID=$(id -g) --tag mhfd-endpoint {folder}",
            f"docker run --init{gpus} --volume $HOME/.globus_compute:/home/mhfd/.globus_compute "
            "--volume /data/images:/data/images:ro mhfd-endpoint mhfd-gpu",
        ]
    if "apptainer" in tools:
        lines += [
            f"(cd {folder} && apptainer build mhfd-endpoint.sif {TOOLS['apptainer']})",
            f"apptainer run{nvidia} --bind /data/images:/data/images:ro {folder}/mhfd-endpoint.sif mhfd-gpu",
        ]
    return lines


def shipped(package: str, *names: str) -> dict[str, str]:
    """Files of a recipe that a package brings."""
    here = resources.files(package).joinpath("containers")
    return {name: here.joinpath(name).read_text() for name in names}
