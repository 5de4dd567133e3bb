"""What torchrun and its workers write when one dies -> which one it was, and why."""

from __future__ import annotations

import pytest

from mhfd.learning.training.launching.dying import death_of

PEER = (
    "[rank0]: Traceback (most recent call last):\n"
    '[rank0]:   File "exchange.py", line 12, in sum\n'
    "[rank0]:     work.wait()\n"
    "[rank0]: RuntimeError: [gloo/transport/tcp/pair.cc:553] Connection closed by peer [127.0.0.1]:47237\n"
)
SILENT = (
    "[rank0]: Traceback (most recent call last):\n"
    "[rank0]:     work.wait()\n"
    "[rank0]: RuntimeError: [gloo/transport/tcp/unbound_buffer.cc:84] Timed out waiting 5000ms for recv operation\n"
)


def agent(code: int, *, rank: int = 1, other: int = -15) -> str:
    """What torchrun 2.13 says after its workers. `other`: how the other one ended."""
    return (
        "W1130 16:06:21.025000 11147 torch/distributed/api.py:1028] Sending process 11175 closing signal SIGTERM\n"
        f"E1130 16:06:21.041000 11147 torch/distributed/api.py:1002] failed (exitcode: {code}) local_rank: {rank}\n"
        "Traceback (most recent call last):\n    raise ChildFailedError(\n"
        "torch.distributed.elastic.multiprocessing.errors.ChildFailedError: \n"
        f"Failures:\n[1]:\n  rank      : 0 (local_rank: 0)\n  exitcode  : {other} (pid: 11175)\n"
        f"Root Cause (first observed failure):\n[0]:\n  rank      : {rank}\n  exitcode  : {code} (pid: 11176)\n"
    )


@pytest.mark.parametrize(
    ("code", "errors", "real", "said"),
    [
        pytest.param(1, PEER + agent(-9), -9, "", id="killed"),
        pytest.param(1, PEER + agent(1, rank=0, other=-9), -9, "", id="killed, and the other one seen first"),
        pytest.param(
            1,
            "[rank1]: ValueError: a very bad thing\n" + PEER + agent(1),
            1,
            "ValueError: a very bad thing",
            id="raised, before the others noticed",
        ),
        pytest.param(
            1,
            PEER + "mhfd.errors.UsageError: plan: none\n" + agent(1),
            1,
            "mhfd.errors.UsageError: plan: none",
            id="after",
        ),
        pytest.param(137, "", -9, "", id="torchrun was killed"),
        pytest.param(
            1,
            "OSError: libtorch_cpu.so: undefined symbol\n",
            1,
            "OSError: libtorch_cpu.so: undefined symbol",
            id="no agent",
        ),
        pytest.param(127, "sh: no such program\n", 127, "sh: no such program", id="what is no exception"),
        pytest.param(1, "", 1, "", id="silence"),
    ],
)
def test_the_first_that_died_is_told_from_those_that_noticed(code: int, errors: str, real: int, said: str) -> None:
    death = death_of(code, errors)

    assert (death.code, death.said) == (real, said)


def test_one_that_does_not_answer_is_not_the_one_that_says_so() -> None:
    assert death_of(1, SILENT + agent(1, rank=0)).why.startswith(
        "a worker ended with exit code 1: another one did not answer in time (RuntimeError: "
    )


def test_what_a_worker_says_is_cut() -> None:
    assert len(death_of(1, "ValueError: " + "x" * 10_000).why) < 600
