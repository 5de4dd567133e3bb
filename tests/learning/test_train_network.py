"""`mhfd train` of a network, as far as it goes without torch: which learner is meant, and what is refused in words."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest
from tests.rigs import labelled, packages
from tests.rigs.here import ID
from tests.rigs.networks import network_written
from tests.rigs.typed import typed_here

import mhfd_client
from mhfd.errors import UsageError
from mhfd_client.learning.networks import NetworkOptions, network_named

WITHOUT_TORCH = pytest.mark.skipif(find_spec("torch") is not None, reason="torch is installed here")


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    labelled.dataset(tmp_path / "images", groups=3, each=1).write(tmp_path / "labels")
    return tmp_path / "labels"


@pytest.mark.parametrize(
    ("lesson", "learner", "network"),
    [
        ("focus", None, None),
        ("focus", "logistic", None),
        ("focus", "small", "small"),
        ("cause", "mcnn", "mcnn"),
        ("radius", None, None),
    ],
)
def test_a_name_says_whether_a_network_is_meant(lesson: str, learner: str | None, network: str | None) -> None:
    assert network_named(lesson, learner) == network


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("focus {} --workers 2", "workers: the usual learner is no network, and only a network knows it"),
        ("focus {} --learner trees --until .9", "until: trees is no network"),
        ("focus {} --learner trees --afresh", "afresh: trees is no network"),
        ("focus {} --learner small --balance weights", "balance: small is a network, which is shown images"),
        ("focus {} --learner small --no-baseline", "baseline: small is a network"),
        ("focus {} --learner small --prepare denoise", "prepare: small is a network"),
        ("radius {} --learner small", "learner: small is a network, which learns the radius with focus"),
        ("focus {} --learner forest", "choose from logistic, trees, boosting, svm, knn; networks: small, mcnn"),
        ("radius {} --learner forest", "choose from linear"),
        ("focus {} --learner small --copies C", "'C' is not one of 'none', 'turns', 'A', 'B'"),
        ("focus {} --learner small --workers two", "'two' is not a valid integer"),
    ],
)
def test_what_cannot_be_is_refused_in_words(words: str, said: str, labels: Path) -> None:
    code, told = typed_here(["train", *words.format(labels).split()])
    assert code == 2
    assert said in " ".join(told.split())


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--from nowhere", "there is no package 'nowhere': name a folder, or one of `mhfd models list`"),
        ("--from {table}", "was taught by logistic, with features: only networks are trained further"),
        ("--from {network} --learner knn", "parent: only a network is trained further, and knn is none"),
        ("--from {network} --library /lib", "library: it belongs to a training on an endpoint"),
        ("--from {network} --endpoint {id}", "library: say in which folder of the endpoint's the parent lies"),
        ("--library /lib --endpoint {id}", "library: it is where the parent lies; say parent too"),
        ("--from near --library /lib --endpoint {id}", "of a package that is only there, give the whole name"),
    ],
)
def test_a_package_that_cannot_be_trained_further_is_refused_in_words(
    words: str, said: str, labels: Path, tmp_path: Path
) -> None:
    given = {"table": packages.written(tmp_path).folder, "network": network_written(tmp_path).folder, "id": ID}
    code, told = typed_here(["train", "focus", str(labels), *words.format(**given).split()])
    assert code == 2
    assert said in " ".join(told.split())


@WITHOUT_TORCH
def test_the_learner_is_the_parent_s(labels: Path, tmp_path: Path) -> None:
    parent = network_written(tmp_path)
    with pytest.raises(UsageError, match=r"learner: small is a network, which is trained with torch"):
        mhfd_client.train("focus", labels, parent=parent.folder)


@WITHOUT_TORCH
def test_without_torch_it_says_so_before_anything_else(tmp_path: Path) -> None:
    code, told = typed_here(["train", "focus", str(tmp_path / "none"), "--learner", "small"])
    assert code == 2
    assert "pip install 'mhfd[train]'" in " ".join(told.split())
    with pytest.raises(UsageError, match=r"mhfd\[train\]"):
        mhfd_client.train("cause", tmp_path / "none", learner="mcnn")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (NetworkOptions(workers=2, sweep=True), "sweep: it finds how many workers"),
        (NetworkOptions(threads=2), "threads: they are of each worker"),
        (NetworkOptions(workers=0), "workers: expected 1 to 1024, got 0"),
        (NetworkOptions(workers=1, threads=2000), "threads: expected 1 to 1024, got 2000"),
    ],
)
def test_a_layout_that_cannot_be_is_refused(options: NetworkOptions, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        options.layout()


def test_a_layout_is_what_was_said_or_nothing() -> None:
    assert NetworkOptions().layout() is None
    assert NetworkOptions(sweep=True, device="cpu").layout() is None
    layout = NetworkOptions(workers=2, device="cpu").layout()
    assert layout is not None
    assert (layout.workers, layout.threads, layout.device) == (2, 1, "cpu")
