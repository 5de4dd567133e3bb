"""A station whose images are scored by an older mhfd says so, until that is upgraded."""

from __future__ import annotations

import time
from pathlib import Path

from tests.rigs import jobs
from tests.rigs.bench import Bench, Scripted

from mhfd.contract.base import METHOD_VERSION
from mhfd_client.runners import Batch, Event, Scored
from mhfd_client.station.older_endpoint import KIND


def test_an_older_endpoint_is_named_until_it_is_upgraded(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.put("a.tif", "b.tif", "c.tif")
    versions = iter([1, 2, METHOD_VERSION])

    def script(batch: Batch) -> list[Event]:
        (job,) = batch.images
        made = jobs.report(job.path, job.params).model_copy(update={"params_id": job.params.id_by(next(versions))})
        return [Scored(batch.token, job.id, made, time.time_ns())]

    assert bench.run(Scripted(script, capacity=1)).left == 0
    with bench.view() as view:
        (trouble,) = view.troubles()
    assert (trouble.kind, trouble.until_ns is None) == (KIND, False)
    assert trouble.why.endswith("Upgrade the endpoint: its administrator installs this mhfd for the workers")
