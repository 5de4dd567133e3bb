"""A model answers a test, in a process of its own: whatever it asks for, it gets no more memory and time than is said.

`tried` starts this same file as a program, with the bytes that were checked on its standard input: nothing is read from
the package again. As a program it imports NumPy and onnxruntime only, and not from where it is started.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MEMORY: Final = 128 << 20
"""What a model may take to answer its test, beyond four times its weights."""
SECONDS: Final = 20
"""Of the processor."""
_PATIENCE_S: Final = 120.0
"""On a machine that does other things too."""
_MOST_ANSWER: Final = 1 << 21


class NoAnswer(Exception):
    """The model did not answer: says why."""


def tried(
    weights: bytes, test: "NDArray[np.float32]", shapes: Mapping[str, tuple[int, ...]]
) -> "dict[str, NDArray[np.float32]]":
    """What the model answers, by output; NoAnswer when it does not, or with other shapes.

    Args:
        weights: The bytes of an ONNX model that has passed `check_onnx`.
        test: What it is given.
        shapes: Of what it answers, by output.
    """
    import numpy as np

    head = {
        "weights": len(weights),
        "shape": test.shape,
        "outputs": list(shapes),
        "memory": MEMORY + 4 * len(weights),
        "seconds": SECONDS,
    }
    asked = json.dumps(head).encode() + b"\n" + weights + test.astype("<f4").tobytes()
    one_thread = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    try:
        done = subprocess.run(
            [sys.executable, "-P", str(Path(__file__).resolve())],
            input=asked,
            capture_output=True,
            timeout=_PATIENCE_S,
            cwd=tempfile.gettempdir(),
            env=os.environ | one_thread,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise NoAnswer(f"it did not answer within {_PATIENCE_S:.0f} s") from None
    first, _, rest = done.stdout.partition(b"\n")
    if done.returncode != 0 or not first:
        last = done.stderr[-2000:].decode("utf-8", "replace").strip().splitlines()[-1:]
        raise NoAnswer(f"onnxruntime ended with {done.returncode}: {''.join(last) or 'it needs more than a model may'}")
    said = json.loads(first)
    if "error" in said:
        raise NoAnswer(f"{said['error']}; it had {said['peak'] >> 20} MB")
    answers = {}
    for name, shape in shapes.items():
        if (given := said["shapes"][name]) != list(shape):
            raise NoAnswer(f"it answers with {name} of {given}, and not with {list(shape)}")
        size = 4 * prod(shape)
        answers[name], rest = np.frombuffer(rest[:size], "<f4").reshape(shape), rest[size:]
    return answers


def _answer(asked: BinaryIO) -> tuple[dict[str, Any], bytes]:
    """What the program says: a line, and the numbers."""
    head = json.loads(asked.readline(1 << 12))
    weights, shape = asked.read(head["weights"]), head["shape"]
    import numpy as np
    import onnxruntime  # type: ignore[import-untyped,unused-ignore]

    test = np.frombuffer(asked.read(), "<f4").reshape(shape)
    _limit(head["memory"], head["seconds"])
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.enable_cpu_mem_arena = False
    options.log_severity_level = 4
    try:
        session = onnxruntime.InferenceSession(weights, options, providers=["CPUExecutionProvider"])
        said = [np.asarray(one) for one in session.run(head["outputs"], {session.get_inputs()[0].name: test})]
    except Exception as error:  # whatever onnxruntime has against it is the answer
        return {"error": f"onnxruntime: {type(error).__name__}: {str(error)[:500]}", "peak": _held("VmHWM")}, b""
    for one in said:
        if one.dtype != np.float32 or one.nbytes > _MOST_ANSWER:
            return {"error": f"it answers with {one.size} numbers of {one.dtype}", "peak": _held("VmHWM")}, b""
    shapes = {name: list(one.shape) for name, one in zip(head["outputs"], said, strict=True)}
    return {"shapes": shapes}, b"".join(one.astype("<f4").tobytes() for one in said)


def _limit(memory: int, seconds: int) -> None:
    """From now on this process gets so much more memory than it has, and so many seconds of the processor."""
    if sys.platform == "win32":
        return
    import contextlib
    import resource

    used = _held("VmData")
    for what, wanted in ((resource.RLIMIT_DATA, used + memory if used else 0), (resource.RLIMIT_CPU, seconds)):
        most = resource.getrlimit(what)[1]
        bounded = wanted if most == resource.RLIM_INFINITY else min(wanted, most)
        if wanted:
            with contextlib.suppress(OSError, ValueError):  # macOS may refuse
                resource.setrlimit(what, (bounded, most))


def _held(what: str) -> int:
    """Bytes of this process's memory, of a kind; 0 where the system does not say."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) << 10 for line in lines if line.startswith(f"{what}:")), 0)


if __name__ == "__main__":
    _line, _numbers = _answer(sys.stdin.buffer)
    sys.stdout.buffer.write(json.dumps(_line).encode() + b"\n" + _numbers)
