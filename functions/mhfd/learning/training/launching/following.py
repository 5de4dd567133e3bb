"""Workers, started and followed: what they tell, whether they died, and that none is left when nobody follows.

Whoever follows has the training in the folder for itself. Restarts after a death are decided here, not by torchrun:
workers begin again from their last checkpoint as long as each start brought them further. Loads no torch.
"""

import contextlib
import importlib.util
import io
import os
import select
import subprocess
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from pydantic import ValidationError

from mhfd.contract.training import TrainingJob
from mhfd.errors import UsageError, needing_extra
from mhfd.learning.training.launching import command
from mhfd.learning.training.launching.dying import Death, death_of
from mhfd.learning.training.launching.holding import hold
from mhfd.learning.training.launching.nodes import PATIENCE_S, torchruns
from mhfd.learning.training.told import (
    TOLD,
    CheckpointSaved,
    StepDone,
    Told,
    TrainingEnded,
    TrainingStopped,
    WorkersRestarted,
)
from mhfd.learning.training.workers import JOB, STOP
from mhfd.whole import write_whole

ERRORS: Final = "errors.log"
_RESTARTS: Final = 3
"""In a row, with no new checkpoint: what dies so often at the same place will go on doing so."""
_BEAT_S: Final = 0.5
_LINE: Final = 1 << 20
"""Bytes of a line: what is longer is none of ours."""


def follow(
    job: TrainingJob,
    folder: Path,
    *,
    beat: Callable[[], object] | None = None,
    program: Sequence[str] | None = None,
) -> "Following":
    """Train in a folder: `with follow(job, folder) as told: for one in told: ...`.

    Args:
        job: What is to be trained, and by how many workers. Where the folder has checkpoints, they go on from there.
        folder: The training's own.
        beat: Called at least once a second while nothing is told; may raise.
        program: What is started instead of torchrun.
    """
    return Following(job, folder, beat=beat, program=program)


class Following:
    """See `follow`. The last that it gives is how the training ended, unless it was asked to stop."""

    def __init__(
        self,
        job: TrainingJob,
        folder: Path,
        *,
        beat: Callable[[], object] | None = None,
        program: Sequence[str] | None = None,
    ) -> None:
        self._job, self._folder, self._beat = job, folder.absolute(), beat
        self._program = program
        self._process: subprocess.Popen[bytes] | None = None
        self._lock: io.FileIO | None = None
        self._asked = False

    @property
    def log(self) -> Path:
        """What workers write to their error stream: bounded, the older half in the file of before."""
        return self._folder / ERRORS

    def __enter__(self) -> Self:
        if self._program is None:
            with needing_extra("train", "training a network needs torch"):
                if importlib.util.find_spec("torch") is None:
                    raise ImportError("torch")
            if self._job.layout.nodes > 1:
                torchruns(self._job.layout, self._folder)  # it says what is missing, before anything is done
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._lock = hold(self._folder)
            (self._folder / STOP).unlink(missing_ok=True)
            write_whole(self._folder / JOB, self._job.model_dump_json(indent=1).encode())
        except OSError as e:
            self._leave()
            raise UsageError(f"{self._folder}: cannot be trained in: {e.strerror or e}; name another folder") from None
        except BaseException:
            self._leave()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._leave()

    def ask_to_stop(self) -> None:
        """Let the workers save one more checkpoint and end; go on listening until they have."""
        self._asked = True
        with contextlib.suppress(OSError):
            (self._folder / STOP).touch()

    def __iter__(self) -> Iterator[Told]:
        if self._lock is None:
            raise RuntimeError("a Following is iterated inside its with block")
        in_vain = 0
        while True:
            steps = 0
            last: Told | None = None
            for last in self._one_start():
                steps += isinstance(last, StepDone)
                in_vain = 0 if isinstance(last, CheckpointSaved) else in_vain
                yield last
                if isinstance(last, TrainingEnded | TrainingStopped):
                    self._end()
                    return
            death = self._death()
            if death.code == 0:
                if not self._asked:
                    yield _interrupted(last)
                return
            if self._asked:  # what was saved is saved
                return
            in_vain += 1
            hopeless = self._job.measure_only is not None or not (steps or death.from_outside)
            if hopeless or in_vain > _RESTARTS:
                yield death.stopped(log=str(self.log), steps=steps)
                return
            yield WorkersRestarted(times=in_vain, why=death.why)

    # -- one start

    def _one_start(self) -> Iterator[Told]:
        """What is told until all are gone."""
        process = self._start()
        assert process.stdout is not None  # noqa: S101 - a pipe
        out = process.stdout.fileno()
        rest = b""
        while True:
            if not select.select([out], [], [], _BEAT_S)[0]:
                if process.poll() is not None:  # the guard was killed, and somebody still holds the pipe
                    return
                self._beaten()
                continue
            data = os.read(out, 1 << 16)
            if not data:
                return
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                with contextlib.suppress(ValidationError):  # what a library prints is none of it
                    yield TOLD.validate_json(line)
            rest = rest[-_LINE:]
            self._beaten()

    def _beaten(self) -> None:
        if self._beat is not None:
            self._beat()

    def _start(self) -> "subprocess.Popen[bytes]":
        layout = self._job.layout
        several = layout.nodes > 1
        if self._program is not None:
            started = list(self._program)
        else:
            started = (torchruns if several else command.torchrun)(layout, self._folder)
        patience = ("--patience", str(PATIENCE_S)) if several else ()
        assert self._lock is not None  # noqa: S101 - see __iter__
        self._process = subprocess.Popen(
            command.guarded(started, "--with-input", *patience, "--log", str(self.log)),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=command.environment(layout),
            cwd=self._folder,
            start_new_session=True,  # Ctrl-C in a terminal is the follower's alone
            pass_fds=(self._lock.fileno(),),  # so the folder is taken until the last worker is gone
        )
        return self._process

    def _death(self) -> Death:
        """How the start ended that told its last."""
        process = self._process
        assert process is not None and process.stderr is not None  # noqa: S101, PT018 - it was started
        errors = process.stderr.read().decode("utf-8", "replace")
        code = process.wait()
        self._end()
        return death_of(code, errors)

    def _end(self) -> None:
        """Nobody is left when this returns. Whatever is raised in it, nobody is left a moment later."""
        process = self._process
        if process is None:
            return
        try:
            process.terminate()  # ends the guard, and with it all that it started
            for pipe in (process.stdin, process.stdout, process.stderr):
                if pipe is not None:
                    with contextlib.suppress(OSError):
                        pipe.close()
            process.wait()
        finally:
            process.kill()  # if it is still there: then the kernel ends torchrun and its workers
            self._process = None

    def _leave(self) -> None:
        try:
            self._end()
        finally:
            lock, self._lock = self._lock, None
            if lock is not None:
                lock.close()


def _interrupted(last: Told | None) -> TrainingStopped:
    at = f", after they had saved step {last.step}" if isinstance(last, CheckpointSaved) else ""
    return TrainingStopped(
        code="interrupted",
        why=f"somebody told the workers to end{at}",
        remedy="start the same training again: it goes on from there",
    )
