"""What holds for every test: a clean environment; in `rigs.loudly_skipped` the browser, and no skip in CI.

Imports nothing of the project until a test asks for it: the GPU's tests run where only its kernels can.
"""

from __future__ import annotations

import os

import pytest

pytest_plugins = ["tests.rigs.loudly_skipped", "tests.rigs.globus.fixtures", "tests.rigs.workers"]


def pytest_configure(config: pytest.Config) -> None:
    """No test fails by how long it took on a machine that does other things too; `make soak` takes more examples."""
    if config.pluginmanager.hasplugin("hypothesispytest"):  # not where only the GPU's tests run
        from hypothesis import settings

        examples = int(os.environ.get("MHFD_TEST_EXAMPLES", "40"))
        settings.register_profile("suite", deadline=None, max_examples=examples)
        settings.load_profile("suite")


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """No setting of whoever runs the tests reaches them, and nothing is written into their home."""
    for name in [name for name in os.environ if name.startswith("MHFD_") and not name.startswith("MHFD_TEST_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("MHFD_MODELS_USE", "none")  # each worker would open packages, and each image be asked about
    home = tmp_path_factory.getbasetemp() / "home"
    for name in ("XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME"):
        monkeypatch.setenv(name, str(home / name))
