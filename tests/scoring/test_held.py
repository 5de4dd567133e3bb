"""`mhfd_client.Endpoint` and its twin: the real SDK, a real endpoint, real workers, one connection."""

from __future__ import annotations

import asyncio
import concurrent.futures
import itertools
import threading
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from pathlib import Path
from uuid import uuid4

import pytest
import tifffile
from tests.rigs.globus.broker import Broker
from tests.rigs.globus.child_endpoint import ChildEndpoint
from tests.rigs.globus.service import Service

import mhfd
from mhfd import simulate
from mhfd.errors import UsageError
from mhfd_client import AsyncEndpoint, Endpoint, Table
from mhfd_client.errors import AnswerLate, ComputeError, ComputeRefused, EndpointClosed, EndpointOffline, NotLoggedIn
from mhfd_client.scoring.held.asked import Answer, table_from
from mhfd_client.scoring.table import Row

SUBMITTED = "POST /v3/endpoints/.*/submit"
WAIT_S = 60.0
"""For what comes: a test that waits so long has failed."""


@pytest.fixture
def far(quick_endpoint: ChildEndpoint, tmp_path: Path) -> Path:
    """Images where the endpoint may read."""
    made = quick_endpoint.root / tmp_path.name
    made.mkdir()
    for z in range(6):
        tifffile.imwrite(made / f"S_{z:03d}.tif", simulate.section((96, 96), seed=1, z=z))
    return made


@pytest.fixture
def gpu(service: Service, quick_endpoint: ChildEndpoint) -> Iterator[Endpoint]:
    with Endpoint(quick_endpoint.id) as opened:
        yield opened


def test_one_connection_serves_images_that_are_asked_for_one_by_one(service: Service, gpu: Endpoint, far: Path) -> None:
    files = sorted(far.glob("*.tif"))
    opened = len(service.log.matching())
    rows = [gpu.submit(path).result(WAIT_S) for path in files[:3]]
    assert [row.path for row in rows] == [str(path) for path in files[:3]]
    assert [row.section for row in rows] == [0, 1, 2]
    assert rows[0].report.density == mhfd.score(files[0]).density
    asked = service.log.matching()[opened:]
    assert service.log.count(SUBMITTED) == 3
    assert len(asked) <= 3 + 2, "the way was open: nothing is looked up again, but for the results' address and a look"


def test_what_is_asked_together_goes_together(service: Service, gpu: Endpoint, far: Path) -> None:
    service.limit_rate()
    files = sorted(far.glob("*.tif"))
    gpu.submit(files[0]).result(WAIT_S)
    before = service.log.count(SUBMITTED)
    with ThreadPoolExecutor(8) as threads:
        futures = list(threads.map(gpu.submit, files * 10))
    assert not concurrent.futures.wait(futures, WAIT_S).not_done
    assert [future.result().path for future in futures] == [str(path) for path in files * 10]
    assert service.log.count(SUBMITTED) - before <= 8
    assert not any(asked.status == 429 for asked in service.log.matching())


def test_several_paths_are_a_table_which_can_be_judged(gpu: Endpoint, far: Path) -> None:
    table = gpu.submit(sorted(far.glob("*.tif"))).result(WAIT_S)
    assert isinstance(table, Table)
    assert [row.section for row in table] == list(range(6))
    assert all(row.verdict is None for row in table)
    assert all(row.verdict is not None for row in table.judged())


def test_map_keeps_the_order_and_as_completed_leaves_none_out(gpu: Endpoint, far: Path) -> None:
    files = [str(path) for path in sorted(far.glob("*.tif"), reverse=True)]
    assert [row.path for row in gpu.map(files)] == files
    assert sorted(row.path for row in gpu.as_completed(files)) == sorted(files)
    futures = [gpu.submit(path) for path in files]
    assert set(gpu.as_completed(futures)) == set(futures)
    assert list(gpu.as_completed([])) == []


def test_what_is_wrong_with_an_image_is_said_of_it(gpu: Endpoint, far: Path) -> None:
    rows = gpu.map([far / "S_000.tif", "/etc/passwd", far / "gone.tif"])
    assert [row.report.code for row in rows] == [None, "refused_path", "unavailable"]


def test_each_call_has_its_own_parameters(gpu: Endpoint, far: Path) -> None:
    params = mhfd.Params(n=8, min_t=1, max_t=8)
    one, other = gpu.submit(far / "S_000.tif"), gpu.submit(far / "S_000.tif", params=params)
    assert one.result(WAIT_S).report.params == mhfd.Params()
    assert other.result(WAIT_S).report.params == params


def test_with_a_map_paths_are_this_machines(
    service: Service, quick_endpoint: ChildEndpoint, far: Path, tmp_path: Path
) -> None:
    (tmp_path / "mnt").symlink_to(far)
    with Endpoint(quick_endpoint.id, map={str(tmp_path / "mnt"): str(far)}) as gpu:
        assert [row.path for row in gpu.map([str(tmp_path / "mnt" / "*.tif")])] == [
            str(tmp_path / "mnt" / f"S_{z:03d}.tif") for z in range(6)
        ]
        with pytest.raises(UsageError, match="no pair covers /elsewhere"):
            gpu.submit("/elsewhere/a.tif")


def test_a_future_that_is_cancelled_is_waited_for_by_nobody(gpu: Endpoint, far: Path) -> None:
    future = gpu.submit(far / "S_000.tif")
    assert future.cancel()
    assert concurrent.futures.wait([future], WAIT_S).done == {future}
    with pytest.raises(CancelledError):
        future.result()
    assert gpu.submit(far / "S_001.tif").result(WAIT_S).report.dof is not None, "it goes on"


def test_an_answer_that_is_late_is_an_error_of_its_own_type(service: Service, gpu: Endpoint, far: Path) -> None:
    gpu.submit(far / "S_000.tif").result(WAIT_S)
    held = service.fail(SUBMITTED, 200, slow=True)
    late = gpu.submit(far / "S_001.tif", timeout=0.2)
    with pytest.raises(AnswerLate, match=r"S_001.tif: .* gave no answer in 0.2 s"):
        late.result(WAIT_S)
    held.lift()
    assert isinstance(late.exception(), TimeoutError)
    assert gpu.submit(far / "S_002.tif", timeout=WAIT_S).result(WAIT_S).report.dof is not None


@pytest.mark.soak
def test_a_connection_that_is_lost_is_made_again(broker: Broker, gpu: Endpoint, far: Path) -> None:
    gpu.submit(far / "S_000.tif").result(WAIT_S)
    broker.close_connections()
    assert gpu.submit(far / "S_001.tif").result(WAIT_S).report.dof is not None


def test_after_an_error_the_next_call_opens_it_again(
    service: Service, quick_endpoint: ChildEndpoint, far: Path
) -> None:
    gpu = Endpoint(quick_endpoint.id)
    service.fail("GET .*/status", 403)
    with pytest.raises(ComputeRefused, match="we may not use endpoint"):
        gpu.submit(far / "S_000.tif").result(WAIT_S)
    assert gpu.submit(far / "S_000.tif").result(WAIT_S).report.dof is not None
    gpu.close()


def test_closing_waits_for_answers_and_then_takes_no_more(
    service: Service, quick_endpoint: ChildEndpoint, far: Path
) -> None:
    with Endpoint(quick_endpoint.id) as gpu:
        future = gpu.submit(far / "S_000.tif")
    assert future.done()
    assert future.result().report.dof is not None
    with pytest.raises(EndpointClosed, match="make another"):
        gpu.submit(far / "S_000.tif")
    gpu.close()
    assert repr(gpu) == f"Endpoint('{quick_endpoint.id}', closed)"


def test_an_exception_ends_it_without_waiting(service: Service, quick_endpoint: ChildEndpoint, far: Path) -> None:
    held = service.fail(SUBMITTED, 200, slow=True)
    futures = []

    def interrupted() -> None:
        with Endpoint(quick_endpoint.id) as gpu:
            futures.append(gpu.submit(far / "S_000.tif"))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert futures[0].cancelled()
    held.lift()


def test_leaving_map_early_takes_back_what_waits(service: Service, gpu: Endpoint, far: Path) -> None:
    rows = gpu.map(sorted(far.glob("*.tif")) * 10)
    next(rows)
    before = service.log.count(SUBMITTED)
    rows.close()  # type: ignore[attr-defined] # a generator
    gpu.submit(far / "S_000.tif").result(WAIT_S)
    assert service.log.count(SUBMITTED) - before <= 2


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"id": "gpu1"}, "endpoint = 'gpu1': is no id"),
        ({"id": str(uuid4()), "params": "fast"}, "no preset 'fast'"),
        ({"id": str(uuid4()), "map": "/mnt"}, "is text"),
        ({"id": str(uuid4()), "timeout": 0}, "no time to wait"),
    ],
    ids=["id", "preset", "map", "timeout"],
)
def test_wrong_arguments_are_named_before_anything_is_asked(arguments: dict[str, object], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        Endpoint(**arguments)  # type: ignore[arg-type] # wrong on purpose


def test_a_path_that_cannot_be_the_endpoints_is_named(quick_endpoint: ChildEndpoint) -> None:
    with pytest.raises(UsageError, match="begin with /"):
        Endpoint(quick_endpoint.id).submit("S_001.tif")
    with pytest.raises(UsageError, match="there are none"):
        Endpoint(quick_endpoint.id).submit([])


def test_who_is_not_logged_in_gets_one_line_and_two_frames(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody(_: object) -> None:
        raise NotLoggedIn("not logged in to Globus: run `mhfd login`") from ValueError("of an SDK")

    monkeypatch.setattr("mhfd_client.scoring.held.connection.reach", nobody)
    with pytest.raises(NotLoggedIn) as raised:
        Endpoint(uuid4()).open()
    assert len(raised.traceback) <= 3
    assert raised.value.__cause__ is None
    with pytest.raises(NotLoggedIn):
        Endpoint(uuid4()).submit("/a.tif").result(WAIT_S)


def in_a_loop(asked: Callable[[], Coroutine[None, None, None]]) -> None:
    """In a thread of its own: a browser that other tests use has a loop in this one."""
    with ThreadPoolExecutor(1) as pool:
        pool.submit(lambda: asyncio.run(asked())).result(WAIT_S)


def test_the_async_twin(service: Service, quick_endpoint: ChildEndpoint, far: Path) -> None:
    files = [str(path) for path in sorted(far.glob("*.tif"))]

    async def asked() -> None:
        async with AsyncEndpoint(quick_endpoint.id) as gpu:
            before = threading.active_count()
            rows = await asyncio.gather(*(gpu.submit(path) for path in files * 3))
            assert [row.path for row in rows] == files * 3
            assert threading.active_count() <= before + 2, "no thread an image"
            assert [row.path async for row in gpu.map(files)] == files
            assert sorted([row.path async for row in gpu.as_completed(files)]) == files
            assert len(await gpu.submit(files)) == 6
            cancelled = gpu.submit(files[0])
            cancelled.cancel()
            with pytest.raises(asyncio.CancelledError):
                await cancelled
        with pytest.raises(EndpointClosed):
            gpu.submit(files[0])

    in_a_loop(asked)


def test_the_async_twin_says_what_is_wrong(service: Service) -> None:
    async def asked() -> None:
        async with AsyncEndpoint(uuid4()):
            pass

    with pytest.raises(ComputeError, match="does not know endpoint"):
        in_a_loop(asked)


def rows_of(count: int) -> list[Answer[Row]]:
    return [Answer() for _ in range(count)]


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))), ids=str)
def test_a_table_comes_when_all_have_come(order: tuple[int, ...]) -> None:
    rows = rows_of(3)
    table = table_from(rows)
    for n in order:
        assert not table.done()
        rows[n].give(Row(str(n), mhfd.score("/no such file.tif")))
    assert [row.path for row in table.result()] == ["0", "1", "2"]


def test_a_table_fails_with_the_first_error_and_cancels_with_it() -> None:
    rows = rows_of(2)
    table: Future[Table] = table_from(rows)
    rows[0].fail(EndpointOffline("away"))
    with pytest.raises(EndpointOffline, match="away"):
        table.result(0)
    more = rows_of(2)
    assert table_from(more).cancel()
    assert all(row.cancelled() for row in more)
