"""Fixtures of the real thing on loopback, for every test that names them; such a test has the marker `globus` by that.

Imports nothing of Globus until a test asks. Shared endpoints are for tests that leave them as they were; a test that
breaks something starts its own with `compute_endpoint`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from globus_compute_sdk import Client, Executor

    from tests.rigs.flow_rig import Site
    from tests.rigs.globus.broker import Broker
    from tests.rigs.globus.child_endpoint import ChildEndpoint
    from tests.rigs.globus.core_endpoint import CoreEndpoint
    from tests.rigs.globus.service import Service


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "broker" in getattr(item, "fixturenames", ()):
            item.add_marker("globus")


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """A private RabbitMQ, for the whole session."""
    from tests.rigs.globus import broker

    if broker.installed() is None:
        pytest.skip(broker.HOW)
    with broker.Broker(tmp_path_factory.mktemp("rabbitmq")) as running:
        yield running


@pytest.fixture(scope="session")
def lasting_service(broker: Broker) -> Iterator[Service]:
    """The stand-in, for the whole session. Tests take `service`."""
    from tests.rigs.globus.service import Service
    from tests.rigs.globus.tidy import tidy_watchers

    with Service(broker) as running, tidy_watchers():
        yield running


@pytest.fixture
def service(lasting_service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    """The stand-in, well and with an empty log. In the test's own process the SDK finds it."""
    from tests.rigs.globus.sdk import forget_executors, redirect

    lasting_service.reset()
    redirect(monkeypatch, lasting_service.url, tmp_path / "globus")  # undone with what the test does to it, in order
    yield lasting_service
    lasting_service.reset()
    forget_executors()


@pytest.fixture(scope="session")
def endpoint(lasting_service: Service, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ChildEndpoint]:
    """A shared endpoint with one real worker. May read below `endpoint.root`: use the fixture `data`."""
    from tests.rigs.globus.child_endpoint import ChildEndpoint

    with ChildEndpoint(lasting_service, tmp_path_factory.mktemp("endpoint")) as running:
        yield running


@pytest.fixture(scope="session")
def quick_endpoint(lasting_service: Service, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ChildEndpoint]:
    """A shared endpoint that runs tasks in threads of its own process."""
    from tests.rigs.globus.child_endpoint import ChildEndpoint

    with ChildEndpoint(lasting_service, tmp_path_factory.mktemp("quick"), kind="thread", workers=2) as running:
        yield running


@pytest.fixture
def lab(
    service: Service, quick_endpoint: ChildEndpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Site]:
    """A site on the stand-ins whose endpoint scores in threads; somebody is logged in, in this process."""
    from tests.rigs.flow_rig import site_here

    with site_here(service, quick_endpoint, tmp_path, monkeypatch) as made:
        yield made


@pytest.fixture
def data(endpoint: ChildEndpoint, tmp_path: Path) -> Path:
    """A new folder that the shared endpoint may read and write."""
    made = endpoint.root / tmp_path.name
    made.mkdir()
    return made


@pytest.fixture
def compute_endpoint(service: Service, tmp_path: Path) -> Iterator[Callable[..., ChildEndpoint]]:
    """Start an endpoint of the test's own, with options as `ChildEndpoint` has them; stopped at its end."""
    from tests.rigs.globus.child_endpoint import ChildEndpoint

    with ExitStack() as stack:

        def start(**options: Any) -> ChildEndpoint:
            return stack.enter_context(ChildEndpoint(service, tmp_path / "endpoints", **options))

        yield start


@pytest.fixture(scope="module")
def core_endpoint(lasting_service: Service) -> Iterator[CoreEndpoint]:
    """An endpoint as an administrator sets it up, with a core process that starts others for its users."""
    from tests.rigs.globus import unprivileged
    from tests.rigs.globus.core_endpoint import CoreEndpoint

    way, why_not = unprivileged.way()
    if way is None:
        pytest.skip(why_not)
    with unprivileged.home(way) as home, CoreEndpoint(lasting_service, home, way) as running:
        yield running


@pytest.fixture
def globus_env(service: Service, tmp_path: Path) -> dict[str, str]:
    """The environment of a subprocess whose unmodified SDK is to reach the stand-in."""
    from tests.rigs.globus.sdk import environment

    return environment(service.url, tmp_path / "globus")


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """globus-sdk in this process tries as often as it always does, and waits little in between."""
    from globus_sdk.transport import RequestsTransport, RetryConfig

    patient = RequestsTransport._retry_sleep

    def sleep(self: RequestsTransport, config: RetryConfig, context: Any) -> None:
        with config.tune(max_sleep=0.01):
            patient(self, config, context)

    monkeypatch.setattr(RequestsTransport, "_retry_sleep", sleep)


@pytest.fixture
def sdk_client(service: Service) -> Iterator[Client]:
    """The SDK's own client, logged in with a client's secret."""
    from globus_compute_sdk import Client

    client = Client()
    yield client
    _close(client)


@pytest.fixture
def executor(sdk_client: Client) -> Iterator[Callable[..., Executor]]:
    """Make the SDK's own Executor as mhfd uses it: source code and JSON, and no throttle after four submissions."""
    from globus_compute_sdk import Executor
    from globus_compute_sdk.serialize import ComputeSerializer, JSONData, PureSourceTextInspect

    made: list[Executor] = []

    def make(endpoint_id: str, **options: Any) -> Executor:
        options = {
            "serializer": ComputeSerializer(strategy_code=PureSourceTextInspect(), strategy_data=JSONData()),
            "result_serializers": [JSONData()],
            "api_burst_limit": 8,
            "api_burst_window_s": 1,
            **options,
        }
        made.append(Executor(endpoint_id, client=sdk_client, **options))
        return made[-1]

    yield make
    for one in made:
        one.shutdown(wait=False, cancel_futures=True)


def _close(client: Client) -> None:
    """The SDK's client has no `close`: its connections would be found open by whoever collects it."""
    client._compute_web_client.v2.close()
    client._compute_web_client.v3.close()
    if client.app is not None:
        client.app.close()
