"""The runtime of ONNX, held on a short leash: one thread, one processor, no arena, nothing sent anywhere.

The only place that opens a model. What is opened was verified before: this module looks at numbers, not at files.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from mhfd.errors import needing_extra

if TYPE_CHECKING:
    from types import ModuleType

INPUT: Final = "features"
IMAGE: Final = "image"
OUTPUT: Final = "said"
_BATCH: Final = 4096  # rows at once: bounds memory, whatever is asked
_ERRORS_ONLY: Final = 4


def loaded() -> ModuleType:
    """The library, imported now; UsageError that names the extra where it is not installed."""
    with needing_extra("models", "learned packages: they are run by onnxruntime; run"):
        import onnxruntime
    onnxruntime.disable_telemetry_events()
    onnxruntime.set_default_logger_severity(_ERRORS_ONLY)
    return onnxruntime  # type: ignore[no-any-return]  # it has no types


class Runtime:
    """One model, ready to be asked.

    Args:
        model: The bytes of an ONNX file.
        columns: How many numbers it is given a row.
        says: How many it answers with.
    """

    def __init__(self, model: bytes, *, columns: int, says: int) -> None:
        self._session = _opened(model)
        self._columns, self._says = columns, says

    def said(self, values: NDArray[Any]) -> NDArray[np.float32]:
        """What the model answers to each row. ValueError where that has another shape."""
        table = np.ascontiguousarray(values, np.float32)
        if table.ndim != 2 or table.shape[1] != self._columns:
            raise ValueError(f"values: the model takes {self._columns} numbers a row, got shape {table.shape}")
        parts = [
            self._session.run([OUTPUT], {INPUT: table[start : start + _BATCH]})[0]
            for start in range(0, len(table), _BATCH)
        ]
        if not parts:
            return np.empty((0, self._says), np.float32)
        answer = np.concatenate([np.asarray(part, np.float32) for part in parts])
        if answer.shape != (len(table), self._says):
            raise ValueError(f"the model answered with shape {answer.shape}, not {(len(table), self._says)}")
        return answer


class NetworkRuntime:
    """One network, ready to be asked about images.

    Args:
        model: The bytes of an ONNX file.
        channels: Of an image.
        multiple: Of which both sides of an image are.
        gives: What it answers with: `said`, `map` or both.
    """

    def __init__(self, model: bytes, *, channels: int, multiple: int, gives: Sequence[str]) -> None:
        self._session = _opened(model)
        self._channels, self._multiple, self._gives = channels, multiple, tuple(gives)

    def answered(self, images: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
        """What the network answers to images (batch, channels, height, width), by output. ValueError: to others."""
        given = np.ascontiguousarray(images, np.float32)
        if (
            given.ndim != 4
            or given.shape[1] != self._channels
            or any(side % self._multiple for side in given.shape[2:])
        ):
            raise ValueError(
                f"images: the network takes {self._channels} channels and sides that are multiples of "
                f"{self._multiple}, got shape {given.shape}"
            )
        said = self._session.run(list(self._gives), {IMAGE: given})
        return {name: np.asarray(one, np.float32) for name, one in zip(self._gives, said, strict=True)}


def _opened(model: bytes) -> Any:
    library = loaded()
    options = library.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.execution_mode = library.ExecutionMode.ORT_SEQUENTIAL
    options.enable_cpu_mem_arena = False  # a worker keeps no more than it needs between two images
    options.log_severity_level = _ERRORS_ONLY
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return library.InferenceSession(model, options, providers=["CPUExecutionProvider"])
