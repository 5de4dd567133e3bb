"""What torch says of some images, computed in a process of its own, so that its ONNX can be compared with it.

`python -m mhfd.learning.training.agreeing ASKED ANSWERED`. Whoever asks imports no torch.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from mhfd.contract.training import WorkerLayout
from mhfd.errors import TrainingFailed
from mhfd.learning.training.launching import command
from mhfd.learning.training.nets import Head, Net, Weights, head_of, net_of

_ABOUT: Final = "about"
_WEIGHT: Final = "weight "
_IMAGES: Final = "images "
_SAID: Final = 500  # characters of what a process said that failed

Answers = Mapping[str, NDArray[np.float32]]
"""By the name of the output: `said`, `map`."""


def answers_of_torch(
    net: Net, weights: Weights, *, channels: int, head: Head, images: Sequence[NDArray[np.float32]]
) -> tuple[Answers, ...]:
    """What the network says of each batch of images, by torch. TrainingFailed."""
    about = {"lesson": head.lesson, "learner": net.name, "channels": channels, "says": head.says}
    asked: dict[str, Any] = {_ABOUT: np.array(json.dumps(about))}
    asked |= {f"{_WEIGHT}{name}": value for name, value in weights.items()}
    asked |= {f"{_IMAGES}{number}": batch for number, batch in enumerate(images)}
    with tempfile.TemporaryDirectory(prefix="mhfd-agreeing-") as folder:
        question, answer = Path(folder, "asked.npz"), Path(folder, "answered.npz")
        np.savez(question, **asked)
        done = subprocess.run(
            [*command.module(__name__), str(question), str(answer)],
            env=command.environment(WorkerLayout()),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode or not answer.is_file():
            raise TrainingFailed(
                f"the network was trained, and torch could not be asked of it: {done.stderr.strip()[-_SAID:]}; type "
                "the same again: nothing that was learned is lost",
                "not_asked",
            )
        with np.load(answer, allow_pickle=False) as found:
            return tuple(
                {name: found[f"{number} {name}"] for name in ("said", "map") if f"{number} {name}" in found}
                for number in range(len(images))
            )


def main(question: Path, answer: Path) -> None:
    """In the process that has torch."""
    import torch

    from mhfd.learning.training.nets.in_torch import TorchNet, TorchSteps

    torch.set_num_threads(1)
    with np.load(question, allow_pickle=False) as asked:
        about = json.loads(str(asked[_ABOUT]))
        weights = {name.removeprefix(_WEIGHT): asked[name] for name in asked.files if name.startswith(_WEIGHT)}
        batches = [asked[f"{_IMAGES}{number}"] for number in range(sum(n.startswith(_IMAGES) for n in asked.files))]
    head = head_of(about["lesson"], about["says"])
    net = TorchNet(net_of(about["lesson"], about["learner"]), weights, channels=about["channels"], outputs=head.outputs)
    found: dict[str, Any] = {}
    with torch.no_grad():
        for number, batch in enumerate(batches):
            drawn = net(torch.from_numpy(batch))
            for name, raw in (("said", drawn.said), ("map", drawn.map)):
                if raw is not None:
                    found[f"{number} {name}"] = head.links(TorchSteps(), raw).numpy()
    np.savez(answer, **found)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
