"""Is what was written what was learned? Each graph is asked beside its learner before anybody gets it."""

from collections.abc import Callable
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from mhfd.errors import needing_extra
from mhfd.learning.learners.graph import OUTPUT, operators_of
from mhfd.learning.learners.learner import NotExportable

TOLERANCE: Final = 1e-5
"""Of what is said; of a value above 1, of its size."""
ROWS: Final = 1000


def session_of(onnx_bytes: bytes) -> Any:
    """An ONNX Runtime session of one thread."""
    with needing_extra("models", "a package is asked by onnxruntime"):
        import onnxruntime
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(onnx_bytes, options, providers=["CPUExecutionProvider"])


def said_by(onnx_bytes: bytes, values: NDArray[np.float32]) -> NDArray[np.float64]:
    """What a graph says of rows."""
    session = session_of(onnx_bytes)
    return np.asarray(session.run([OUTPUT], {session.get_inputs()[0].name: values})[0], np.float64)


def random_rows(taught: NDArray[np.float32], *, seed: int = 0) -> NDArray[np.float32]:
    """As the rows that were learned from, each column by itself; a tenth of them far outside."""
    drawn = np.random.default_rng(seed)
    middle, spread = np.median(taught, axis=0), np.maximum(np.std(taught, axis=0), 1e-6)
    rows = middle + spread * drawn.standard_normal((ROWS, taught.shape[1]))
    rows[::10] = middle + 20 * (rows[::10] - middle)
    return np.asarray(rows, np.float32)


def checked(
    onnx_bytes: bytes,
    predict: Callable[[NDArray[np.float32]], NDArray[np.float64]],
    taught: NDArray[np.float32],
    *,
    allowed: frozenset[str] | None = None,
) -> bytes:
    """The same bytes, if they say what the learner says of random rows and of those that it was taught with.

    Args:
        onnx_bytes: The graph.
        predict: The learner.
        taught: Rows that it learned from.
        allowed: Operators that it may have; nothing for any.

    Raises:
        NotExportable: They do not.
    """
    if allowed is not None and (foreign := sorted(operators_of(onnx_bytes) - allowed)):
        raise NotExportable(f"it needs {', '.join(foreign)}, which a package may not have")
    rows = np.concatenate([random_rows(taught), taught[:ROWS]])
    learned = predict(rows).reshape(len(rows), -1)
    off = np.abs(said_by(onnx_bytes, rows).reshape(len(rows), -1) - learned) / np.maximum(np.abs(learned), 1.0)
    worst = float(off.max(initial=0.0))
    if not worst <= TOLERANCE:
        raise NotExportable(f"as ONNX it differs by {worst:.2g}, more than {TOLERANCE:g}, from what was learned")
    return onnx_bytes
