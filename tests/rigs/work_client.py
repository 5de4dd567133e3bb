"""A client that has a folder hashed on an endpoint, in a process of its own: `python -m tests.rigs.work_client FILE`.

The file says what (JSON). One line for each thing that is heard; a process that is killed is started again with the
same file.
"""

from __future__ import annotations

import json
import sys
from contextlib import closing
from pathlib import Path
from typing import Any
from uuid import UUID

from mhfd import shim
from mhfd.contract.work import WorkAnswer
from mhfd_client.compute.reach import reach
from mhfd_client.compute.runner import ComputeRunner
from mhfd_client.runners import Batch
from mhfd_client.runners.driver import Driver
from mhfd_client.runners.work import Work
from tests.rigs.remote.hashing import FUNCTION, NAME


def main() -> None:
    plain = json.loads(Path(sys.argv[1]).read_text())
    shim.FUNCTIONS[NAME] = FUNCTION
    work = Work(0, plain["request"]["key"], NAME, plain["request"], WorkAnswer.model_validate)
    endpoint, token = UUID(plain["endpoint"]), plain["token"]
    with (
        reach(endpoint, NAME) as opened,
        closing(ComputeRunner(endpoint, opened, ledger=Path(plain["ledger"]), deadline_s=20.0, attempts=5)) as runner,
    ):
        taken = runner.reattach(Batch(token, (work,)))
        driver = Driver(runner, token, tries=4, say=lambda words: _tell({"said": words}))
        for some in driver.results((), taken=(work,)) if taken else driver.results((work,)):
            for event in some:
                _tell(event.answer.model_dump(mode="json"))


def _tell(plain: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(plain) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
