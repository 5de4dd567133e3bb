"""The runtime of ONNX, held on a short leash: one thread, one processor, no arena, nothing sent anywhere.

The only place that opens a model. What is opened was verified before: this module looks at numbers, not at files.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from mhfd.errors import needing_extra

if TYPE_CHECKING:
    from types import ModuleType

INPUT: Final = "features"
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
        library = loaded()
        options = library.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.execution_mode = library.ExecutionMode.ORT_SEQUENTIAL
        options.enable_cpu_mem_arena = False  # a worker keeps no more than it needs between two images
        options.log_severity_level = _ERRORS_ONLY
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session: Any = library.InferenceSession(model, options, providers=["CPUExecutionProvider"])
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
