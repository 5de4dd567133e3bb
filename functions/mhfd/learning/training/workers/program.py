"""From a folder with a `job.json` to the end of its training: what one of the processes does that torchrun started.

It ends well (0) when it said how the training ended, or why it cannot go on, or was asked to stop: nothing is gained
by starting it again. Otherwise it crashed, and all are started again from the last checkpoint. Needs torch.
"""

import os
from pathlib import Path

from mhfd.contract.training import TrainingJob
from mhfd.learning.training.told import TrainingStopped
from mhfd.learning.training.workers.devices import compute_the_same, device_of
from mhfd.learning.training.workers.exchange import Exchange
from mhfd.learning.training.workers.prepared import PreparedTraining, prepare
from mhfd.learning.training.workers.shared import SharedTraining
from mhfd.learning.training.workers.telling import Teller
from mhfd.learning.training.workers.trouble import TrainingTrouble, words_of


def work(job: TrainingJob, folder: Path, teller: Teller) -> None:
    """Train, among the others.

    Args:
        job: What; every worker has the same.
        folder: Where its checkpoints are.
        teller: To whoever follows.
    """
    try:
        device = device_of(job.layout, int(os.environ.get("LOCAL_RANK", "0")))
        compute_the_same(device, job.layout.threads)
        exchange = Exchange(device, patience_s=job.patience_s)
        prepared, trouble = _prepared(job, folder)
        exchange.agree(trouble)
        assert prepared is not None  # noqa: S101 - or there was trouble
        training = SharedTraining(job, folder, prepared=prepared, exchange=exchange, teller=teller, device=device)
        training.run()
        exchange.leave()
    except TrainingTrouble as ended:
        teller.say(TrainingStopped(code=ended.code, why=ended.why, remedy=ended.remedy))


def _prepared(job: TrainingJob, folder: Path) -> tuple[PreparedTraining | None, TrainingTrouble | None]:
    try:
        return prepare(job, folder), None
    except Exception as error:
        if (trouble := words_of(error, job.plan.batch)) is None:
            raise
        return None, trouble
