"""`python -m mhfd.learning.training.workers FOLDER`: one worker of the training whose job is in a folder.

torchrun starts as many as there are to be, with the number of each in the environment.
"""

import os
import signal
import sys
import traceback
from pathlib import Path

from mhfd.contract.training import TrainingJob
from mhfd.learning.training.workers import JOB
from mhfd.learning.training.workers.cores import bind_worker
from mhfd.learning.training.workers.leash import die_with_starter
from mhfd.learning.training.workers.telling import Teller


def main(folder: Path) -> None:
    """What one process does. It never returns: whoever crashed waits for no other."""
    die_with_starter()
    # Read when torch first multiplies on a GPU: without it, it has no algorithm that computes the same each time.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    try:
        job = TrainingJob.model_validate_json((folder / JOB).read_bytes())
        bind_worker(int(os.environ.get("LOCAL_RANK", "0")), job.layout)
        teller = Teller(folder, sys.stdout, first=os.environ.get("RANK", "0") == "0")
        signal.signal(signal.SIGTERM, teller.ask_to_stop)
        from mhfd.learning.training.workers.program import work  # torch, which takes seconds

        work(job, folder, teller)
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
        os._exit(1)
    os._exit(0)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
