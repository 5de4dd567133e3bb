"""The recipe of a container with a watch in it, for Docker, Podman and Apptainer: the sibling of the endpoint's.

The versions are those of the environment that writes it, which is the one that was tried. Builds and starts nothing.
"""

from importlib.util import find_spec
from pathlib import Path
from typing import Final

from mhfd_endpoint import container

TOOLS: Final = {"docker": ("Dockerfile", "compose.yaml"), "apptainer": ("mhfd-station.def",)}
"""What each is told by. Podman takes what Docker takes."""


def write(
    folder: Path, *, cuda: container.Cuda = "none", tools: tuple[str, ...] = tuple(TOOLS), force: bool = False
) -> list[Path]:
    """Write the recipe; what is there is refused without `force`. EndpointError."""
    names = [name for tool in tools for name in TOOLS[tool]]
    return container.put(
        folder,
        container.shipped("mhfd_client.service", *names, "start.sh") | container.installed(requirements(cuda)),
        force=force,
    )


def requirements(cuda: container.Cuda) -> list[str]:
    """What is installed: mhfd as it is here, with the station, and with Globus where that is installed here."""
    extras = "globus,station" if find_spec("globus_compute_sdk") else "station"
    return container.of_extras(extras, cuda)


def commands(folder: Path, *, cuda: container.Cuda, tools: tuple[str, ...]) -> list[str]:
    """What to type next."""
    lines = [f"python -m pip wheel --no-deps --wheel-dir {folder / 'wheels'} SOURCE_OF_MHFD    # where no index has it"]
    gpus = "" if cuda == "none" else " --gpus all"
    nvidia = "" if cuda == "none" else " --nv"
    if "docker" in tools:
        lines += [
            f"docker build --build-arg UID=$(id -u) --build-arg GID=$(id -g) --tag mhfd-station {folder}",
            f"docker run --detach --name wafer7 --init{gpus} --network host --restart unless-stopped --stop-timeout 90 "
            "--read-only --tmpfs /tmp --cap-drop ALL --security-opt no-new-privileges "
            "--volume /mnt/sem/wafer7:/images:ro --volume wafer7-state:/state mhfd-station",
            "docker logs wafer7    # where the page is; docker exec wafer7 mhfd status /images",
        ]
    if "apptainer" in tools:
        lines += [
            f"(cd {folder} && apptainer build mhfd-station.sif {TOOLS['apptainer'][0]})",
            "mkdir -p $HOME/wafer7-state",
            f"apptainer run{nvidia} --containall --bind /mnt/sem/wafer7:/images:ro "
            f"--bind $HOME/wafer7-state:/state {folder}/mhfd-station.sif",
        ]
    return lines
