"""A training, as one of its workers does it: from the last checkpoint, step by step, to its end. Needs torch.

All workers take the same decisions, from what they exchanged; only what the first one's clock or disk says is the first
one's alone, and changes nothing of what is learned.
"""

import sys
import time
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np

from mhfd.cgroups import lines
from mhfd.contract.training import TrainingJob
from mhfd.learning.training.nets import digest_of
from mhfd.learning.training.nets.in_torch import TorchNet
from mhfd.learning.training.told import (
    CheckpointSaved,
    EpochDone,
    StepDone,
    TrainingBegun,
    TrainingEnded,
    UntrainedNet,
)
from mhfd.learning.training.workers import checkpoint
from mhfd.learning.training.workers.checkpoint import TrainingCheckpoint, TrainingState, training_id
from mhfd.learning.training.workers.devices import name_of
from mhfd.learning.training.workers.exchange import Exchange
from mhfd.learning.training.workers.feeding import Batch, Batches
from mhfd.learning.training.workers.flat import FlatNet
from mhfd.learning.training.workers.losses import LOSSES
from mhfd.learning.training.workers.prepared import PreparedTraining
from mhfd.learning.training.workers.telling import Teller
from mhfd.learning.training.workers.trouble import TrainingTrouble, of_disk, of_divergence, of_numbers, words_of
from mhfd.learning.training.workers.validating import ValidatedNet, Validation


class SharedTraining:
    """One worker's side of it.

    Args:
        job: What is trained.
        folder: The training's.
        prepared: Its images and network.
        exchange: With the other workers.
        teller: To whoever follows.
        device: What this worker computes on.
    """

    def __init__(
        self,
        job: TrainingJob,
        folder: Path,
        *,
        prepared: PreparedTraining,
        exchange: Exchange,
        teller: Teller,
        device: Any,
    ) -> None:
        self._job, self._folder, self._prepared = job, folder, prepared
        self._exchange, self._teller, self._device = exchange, teller, device
        self._threads: Final = job.layout.threads
        self._first: Final = exchange.rank == 0
        self._trouble: TrainingTrouble | None = None
        self._answers: checkpoint.Arrays = {}
        sizes = {"channels": prepared.examples.channels, "outputs": prepared.head.outputs}
        torch_net = TorchNet(prepared.net, prepared.begun, **sizes, device=device)
        self._net = FlatNet(torch_net, device=device, even=prepared.net.even)
        self._state = TrainingState(of=training_id(job), step=0, steps=prepared.steps, digest=digest_of(prepared.begun))
        self._seconds_before = 0.0
        self._since = self._saved_at = time.monotonic()

    def run(self) -> None:
        """To its end, or until it is asked to stop. TrainingTrouble, the same of all workers: it cannot go on."""
        if self._job.measure_only is None:
            self._go_on()
        state = self._state
        self._teller.say(
            TrainingBegun(
                step=state.step,
                steps=state.steps,
                examples=len(self._prepared.taught),
                validated_on=len(self._prepared.validated),
                parameters=self._net.parameters,
                device=name_of(self._device),
                workers=self._exchange.workers,
            )
        )
        if self._job.measure_only is not None:
            self._measure(self._job.measure_only)
            return
        if state.step == 0:
            self._validate_untrained()
        with self._batches(self._state.step) as batches:
            batch = self._next(batches) if self._over() is None else None
            while (why := self._over()) is None:
                batch, stop = self._step(batches, batch)
                if stop and self._over() is None:
                    self._save()
                    self._exchange.agree(self._trouble)
                    return
        self._exchange.agree(self._trouble)
        state = self._state
        self._teller.say(TrainingEnded(why=why, step=state.step, digest=self._digest(), words=_guessed(state.history)))

    def _go_on(self) -> None:
        """From the last checkpoint, as the first worker finds it: the others may see an older folder."""
        found: TrainingCheckpoint | None = None
        if self._first:
            checkpoint.sweep_parts(self._folder)
            found, refused = checkpoint.latest(self._folder, self._job)
            for why in refused:
                print(why, file=sys.stderr)  # noqa: T201 - what the follower keeps of a worker
            if found is not None:
                self._net.take(self._net.weights, found.weights)
                self._net.take(self._net.momentum, found.momentum)
                self._state = found.state
        self._state = TrainingState.model_validate_json(self._exchange.text_of_first(self._state.model_dump_json()))
        self._exchange.as_first(self._net.weights)
        self._exchange.as_first(self._net.momentum)
        self._seconds_before = self._state.seconds
        self._since = self._saved_at = time.monotonic()

    def _batches(self, first: int) -> Batches:
        rank, workers = self._exchange.rank, self._exchange.workers
        return Batches(
            self._prepared, first=first, worker=rank, workers=workers, device=self._device, threads=self._threads
        )

    def _next(self, batches: Batches) -> Batch | None:
        """None: what is wrong with it is going to be said to all."""
        try:
            return batches.next()
        except Exception as error:
            self._into_words(error)
            return None

    def _into_words(self, error: Exception) -> None:
        """What ends the training waits for the next exchange, where all hear of it; all else is a crash."""
        self._trouble = self._trouble or words_of(error, -(-self._prepared.plan.batch // self._exchange.workers))
        if self._trouble is None:
            raise error

    def _step(self, batches: Batches, batch: Batch | None) -> tuple[Batch | None, bool]:
        """One step, and what follows on it. The next batch, and whether somebody was asked to stop."""
        state, prepared = self._state, self._prepared
        rate, each = prepared.rate(state.step), prepared.steps_in_epoch
        upcoming, stop, done = self._learned(batches, batch, rate, state.step)
        loss, labels = self._net.summed()
        watched = state.watched.seen(done.loss)
        self._teller.say(done)
        if watched.diverging(each):
            raise of_divergence(done.step, rate, watched.first, done.loss)
        changed = {"step": done.step, "images": state.images + prepared.images(state.step), "watched": watched}
        sums = {"loss": state.loss + loss, "labels": state.labels + labels}
        self._state = state.model_copy(update=changed | sums)
        if done.step % each == 0:
            self._end_epoch(done.step // each, rate)
        elif self._first and time.monotonic() - self._saved_at >= self._job.save_s:
            self._save()
        return upcoming, stop

    def _learned(
        self, batches: Batches, batch: Batch | None, rate: float, step: int
    ) -> tuple[Batch | None, bool, StepDone]:
        """The gradient of this worker's part, the sum of all, and the step down it."""
        begun = time.monotonic()
        net = self._net
        net.forget_sums()
        if batch is not None and not batch.empty:
            try:
                drawn = net(batch.images)
                net.learn_from(*LOSSES[self._prepared.plan.lesson](drawn.said, drawn.map, batch.truth))
            except Exception as error:
                self._into_words(error)
        # Asked for now: a GPU is still at the gradient, and copies them meanwhile.
        upcoming = self._next(batches) if step + 1 < self._state.steps or self._job.measure_only else None
        exchanging = time.monotonic()
        stop = self._exchange.add_up(net.sums, stop=self._teller.asked_to_stop, trouble=self._trouble)
        exchanged = time.monotonic() - exchanging
        loss, labels = net.summed()
        if not np.isfinite(loss) or not net.step(rate, labels):
            raise of_numbers(step + 1, rate)
        done = StepDone(
            step=step + 1,
            epoch=(step + 1) / self._prepared.steps_in_epoch,
            loss=loss / max(labels, 1.0),
            rate=rate,
            seconds=time.monotonic() - begun,
            exchange_s=exchanged,
            waited_s=0.0 if upcoming is None else upcoming.waited_s,
            memory_bytes=_largest_bytes(),
        )
        return upcoming, stop, done

    def _validated(self) -> ValidatedNet:
        validation = Validation(self._prepared, self._exchange, device=self._device, threads=self._threads)
        return validation.of(self._net, self._trouble)

    def _validate_untrained(self) -> None:
        """What there is to be gained on: kept with all that is saved."""
        found = self._validated()
        if not np.isfinite(found.loss):
            raise of_numbers(0, self._prepared.rate(0))
        untrained = UntrainedNet(validation_loss=found.loss, top1=found.top1)
        self._state = self._state.model_copy(update={"untrained": untrained})
        self._teller.say(untrained)

    def _end_epoch(self, epoch: int, rate: float) -> None:
        found = self._validated()
        self._answers = found.answers
        state = self._state
        done = EpochDone(
            epoch=epoch,
            step=state.step,
            loss=state.loss / max(state.labels, 1.0),
            rate=rate,
            validation_loss=found.loss,
            top1=found.top1,
            top5=found.top5,
            guess=found.guess,
            seconds=self._seconds(),
            images=state.images,
        )
        self._state = state.model_copy(update={"history": (*state.history, done), "loss": 0.0, "labels": 0.0})
        self._teller.say(done)
        self._save()
        self._answers = {}

    def _save(self) -> None:
        """The first worker's; the others learn in the next exchange if it could not."""
        if not self._first:
            return
        self._saved_at = time.monotonic()
        weights = self._net.named(self._net.weights)
        state = self._state.model_copy(update={"digest": digest_of(weights), "seconds": self._seconds()})
        saved = TrainingCheckpoint(state, weights, self._net.named(self._net.momentum), self._answers)
        try:
            path = checkpoint.save(self._folder, saved)
        except OSError as error:
            self._trouble = self._trouble or of_disk(error, self._folder, 8 * self._net.parameters)
            return
        self._teller.say(
            CheckpointSaved(
                step=state.step, steps=state.steps, file=path.name, digest=state.digest, seconds=state.seconds
            )
        )

    def _measure(self, steps: int) -> None:
        """So many steps, and one before them that is slower and not told."""
        rate = self._prepared.rate(0)
        with self._batches(0) as batches:
            batch = self._next(batches)
            for step in range(steps + 1):
                batch, _, done = self._learned(batches, batch, rate, step)
                if step:
                    self._teller.say(done)
        self._teller.say(TrainingEnded(why="measured", step=steps, digest=self._digest()))

    def _over(self) -> Literal["epochs", "until"] | None:
        state, until = self._state, self._prepared.plan.until
        last = state.history[-1] if state.history else None
        if until is not None and last is not None and last.step == state.step and (last.top1 or 0.0) >= until:
            return "until"
        return "epochs" if state.step >= state.steps else None

    def _digest(self) -> str:
        return digest_of(self._net.named(self._net.weights))

    def _seconds(self) -> float:
        """Of training, this turn's and those before. What was not saved before a kill is not in it."""
        return self._seconds_before + time.monotonic() - self._since


def _guessed(history: tuple[EpochDone, ...]) -> str:
    """Of a training that never got better than guessing, what a person should know."""
    known = [(done.top1, done.guess) for done in history if done.top1 is not None and done.guess is not None]
    if not known or any(top1 > guess for top1, guess in known):
        return ""
    best, guess = max(known)
    return (
        f"it never got better than guessing: at best {best:.3f} of the validation were right, "
        f"and saying always what is the commonest is right in {guess:.3f}"
    )


def _largest_bytes() -> int:
    """That this process has been; 0 where the system does not say."""
    return next((int(one.split()[1]) << 10 for one in lines(Path("/proc/self/status")) if one.startswith("VmHWM")), 0)
