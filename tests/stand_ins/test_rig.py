"""The rig itself: that what stands in behaves, and what is real is reached by the unmodified SDK."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable

import pytest
from globus_compute_sdk import Client, Executor
from globus_compute_sdk.errors import TaskExecutionFailed
from tests.rigs.globus.child_endpoint import ChildEndpoint
from tests.rigs.globus.link import Link
from tests.rigs.globus.service import Service
from tests.rigs.globus.waiting import DEADLINE_S

Executors = Callable[..., Executor]
Endpoints = Callable[..., ChildEndpoint]


def double(x):  # type: ignore[no-untyped-def]
    return 2 * x


def whereabouts():  # type: ignore[no-untyped-def]
    import os

    import mhfd

    return {"pid": os.getpid(), "site": os.environ["MHFD_SITE"], "mhfd": mhfd.__file__}


def test_a_task_runs_in_a_real_worker(endpoint: ChildEndpoint, executor: Executors) -> None:
    told = executor(endpoint.id).submit(whereabouts).result(DEADLINE_S)
    assert told["site"] == str(endpoint.site_file)
    assert told["mhfd"].endswith("functions/mhfd/__init__.py")
    assert told["pid"] in endpoint.workers()


def test_tasks_in_one_submission(service: Service, quick_endpoint: ChildEndpoint, executor: Executors) -> None:
    futures = [executor(quick_endpoint.id, batch_size=64).submit(double, n) for n in range(20)]
    assert [one.result(DEADLINE_S) for one in futures] == [2 * n for n in range(20)]


def test_an_unmodified_sdk_in_another_process(
    service: Service, quick_endpoint: ChildEndpoint, globus_env: dict[str, str]
) -> None:
    script = (
        f"from globus_compute_sdk import Client\nprint(Client().get_endpoint_status('{quick_endpoint.id}')['status'])"
    )
    told = subprocess.run([sys.executable, "-c", script], env=globus_env, capture_output=True, text=True)
    assert (told.returncode, told.stdout.strip()) == (0, "online"), told.stderr
    assert service.log.count("POST /v2/oauth2/token") == 1


def test_what_the_web_service_answers_on_purpose(
    service: Service, quick_endpoint: ChildEndpoint, sdk_client: Client
) -> None:
    unavailable = service.fail("GET .*/status", 503, times=1)
    throttled = service.fail("GET .*/status", 429, times=1, retry_after=0)
    assert sdk_client.get_endpoint_status(quick_endpoint.id)["status"] == "online"
    assert (unavailable.hits, throttled.hits) == (1, 1)
    assert [asked.status for asked in service.log.matching("/status")] == [503, 429, 200]


def test_an_answer_that_is_lost_after_it_was_carried_out(service: Service) -> None:
    before = len(service.compute.functions)
    service.fail("POST /v3/functions", "drop", after=True)
    request = urllib.request.Request(
        f"{service.url}/v3/functions",
        json.dumps({"function_name": "f", "function_code": "1\nx"}).encode(),
        {"Authorization": "Bearer x", "Content-Type": "application/json"},
    )
    with pytest.raises(ConnectionError):
        urllib.request.urlopen(request)
    assert len(service.compute.functions) == before + 1
    assert [asked.status for asked in service.log.matching()] == [0]


def test_silence_ends_when_it_is_lifted(service: Service) -> None:
    silence = service.fail("GET /v2/version", "silence")
    with pytest.raises(TimeoutError):
        urllib.request.urlopen(f"{service.url}/v2/version", timeout=0.2)
    silence.wait().lift()
    assert json.load(urllib.request.urlopen(f"{service.url}/v2/version"))["api"]


def test_limits_of_the_real_service(service: Service) -> None:
    service.limit_rate()
    for _ in range(20):
        urllib.request.urlopen(f"{service.url}/v2/version").close()
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(f"{service.url}/v2/version")
    assert refused.value.code == 429
    refused.value.close()
    service.reset()
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(f"{service.url}/v3/functions", b"x" * 10_000_001)
    assert refused.value.code == 413
    refused.value.close()


# A refusal names no versions, of which the SDK warns in the thread that waits for results.
@pytest.mark.filterwarnings("ignore:\\nEnvironment differences:UserWarning")
def test_a_function_that_is_not_allowed(compute_endpoint: Endpoints, executor: Executors, sdk_client: Client) -> None:
    """Refused by the endpoint itself, even if the service lets it pass."""
    endpoint = compute_endpoint(kind="thread", allowed=[], allowed_at_service=False)
    with pytest.raises(TaskExecutionFailed, match="not permitted"):
        executor(endpoint.id).submit(double, 1).result(DEADLINE_S)


def test_a_link_that_delays_and_breaks(service: Service) -> None:
    with Link.to(service.url, delay_ms=1) as link:
        url = link.through(f"{service.url}/v2/version")
        assert json.load(urllib.request.urlopen(url))["api"]
        link.cut(refuse=True)
        with pytest.raises(OSError, match=r"."):
            urllib.request.urlopen(url)
        link.mend()
        assert json.load(urllib.request.urlopen(url))["api"]
