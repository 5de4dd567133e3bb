"""The house stays as it was built. Each failure names the file and what to do."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

from tests.contract.crossing import classes
from tests.house.code import PACKAGES, ROOT, House

MOST_MODULES: Final = 20
"""In one folder, its face not counted."""
MOST_LINES: Final = 500
"""Of one module."""
TWICE: Final = 0.02
"""Part of the public class names that may be defined more than once."""
DOCUMENTED: Final = 0.9
"""Part of the public modules, classes, functions and methods that have a docstring."""


@pytest.fixture(scope="module")
def house() -> House:
    return House(ROOT)


def test_no_modules_need_each_other(house: House) -> None:
    circles = [" <-> ".join(circle) for circle in house.circles()]
    assert not circles, told(circles, "move what both need into a module below both; importing later is no way out")


def test_no_import_runs_back_up(house: House) -> None:
    up = [str(one) for one in house.climbs()]
    assert not up, told(up, "hand it in as an argument, or move it down; floors are the contracts in pyproject.toml")


def test_no_folder_is_too_full(house: House) -> None:
    full = [f"{folder}: {count} modules" for folder, count in house.folders().items() if count > MOST_MODULES]
    assert not full, told(full, f"at most {MOST_MODULES}: give what belongs together a room of its own")


def test_no_module_is_too_long(house: House) -> None:
    long = [f"{m.path}: {m.lines} lines" for m in house.modules.values() if m.lines > MOST_LINES]
    assert not long, told(long, f"at most {MOST_LINES}: split it where its second concept begins")


def test_few_class_names_are_defined_twice(house: House) -> None:
    twice = house.twice()
    most = int(TWICE * len(house.class_names()))
    assert len(twice) <= most, told(places_of(twice), f"at most {most}: name each for what only it is")


def test_no_class_that_crosses_a_process_shares_its_name(house: House) -> None:
    crossing = classes()
    twice = {f"{name} (part of {crossing[name]})": at for name, at in house.twice().items() if name in crossing}
    assert not twice, told(places_of(twice), "rename the other one: the name of what crosses stands in documents")


def test_what_is_public_is_documented(house: House) -> None:
    have, lack = house.documented()
    share = len(have) / (len(have) + len(lack))
    assert share >= DOCUMENTED, told(lack, f"{share:.1%} have a docstring, of {DOCUMENTED:.0%}: say what it is for")


@pytest.mark.parametrize("package", PACKAGES)
def test_every_module_has_its_floor(house: House, package: str) -> None:
    mine = [contract for contract in house.contracts if contract.get("containers") == [package]]
    assert [contract.get("exhaustive") for contract in mine] == [True], told(
        ["pyproject.toml"], f"one contract of type layers, with containers = [{package!r}] and exhaustive = true"
    )
    rooms = {".".join(name.split(".")[:2]) for name in house.modules if name.startswith(f"{package}.")}
    homeless = sorted(rooms - set(house.floors))
    assert not homeless, told(homeless, "give it a floor in the layers of its package in pyproject.toml")


def test_a_package_on_disk_is_measured() -> None:
    homes = {path.parent for top in ("functions", "flows", "endpoint_config", "client") for path in faces(ROOT / top)}
    assert homes == {ROOT / folder for folder in PACKAGES.values()}


def faces(top: Path) -> list[Path]:
    return sorted(top.glob("*/__init__.py"))


def places_of(names: dict[str, list[str]]) -> list[str]:
    return [f"{name}: {', '.join(places)}" for name, places in names.items()]


def told(where: list[str], remedy: str) -> str:
    """A failure as a person reads it."""
    return "\n".join(["", *sorted(where), f"=> {remedy}"])


# The instruments themselves, on a house that is wrong in every way.
CONTRACTS: Final = """
[[tool.importlinter.contracts]]
type = "layers"
layers = ["mhfd_client", "mhfd_flows | mhfd_endpoint", "mhfd"]
[[tool.importlinter.contracts]]
type = "layers"
containers = ["mhfd"]
layers = ["api", "images | measure", "errors"]
"""


@pytest.fixture
def crooked(tmp_path: Path) -> House:
    (tmp_path / "pyproject.toml").write_text(CONTRACTS)
    for name, text in {
        "functions/mhfd/__init__.py": "",
        "functions/mhfd/errors.py": "def late() -> None:\n    from mhfd import api\n",
        "functions/mhfd/images.py": "import mhfd.measure\n\nclass Same: ...\n",
        "functions/mhfd/measure.py": '"""Said."""\n# comment\n__all__ = ["Same"]\n\nclass Same:\n    """Said."""\n',
        "functions/mhfd/api.py": (
            "from typing import TYPE_CHECKING\nfrom mhfd.errors import late\n"
            "if TYPE_CHECKING:\n    from mhfd.images import Same\n    import mhfd_client\n"
        ),
        "flows/mhfd_flows/__init__.py": "import mhfd_client\n",
        "endpoint_config/mhfd_endpoint/__init__.py": "import mhfd\n",
        "client/mhfd_client/__init__.py": "import mhfd_flows\n",
    }.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return House(tmp_path)


def test_circles_are_found(crooked: House) -> None:
    assert crooked.circles() == [["mhfd.api", "mhfd.errors"], ["mhfd_client", "mhfd_flows"]]


def test_imports_that_climb_are_found_also_in_functions_and_between_rooms_side_by_side(crooked: House) -> None:
    assert sorted(f"{one.importer.name} -> {one.imported}" for one in crooked.climbs()) == [
        "mhfd.errors -> mhfd.api",
        "mhfd.images -> mhfd.measure",
        "mhfd_flows -> mhfd_client",
    ]


def test_names_and_docstrings_are_counted(crooked: House) -> None:
    assert list(crooked.twice()) == ["Same"]
    have, _ = crooked.documented()
    assert [line.split()[1] for line in have] == ["mhfd.measure", "mhfd.measure.Same"]
    measure = crooked.modules["mhfd.measure"]
    assert (measure.lines, measure.code) == (6, 1)
