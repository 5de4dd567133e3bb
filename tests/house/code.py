"""The source of the four packages: its modules, what they import, what they define and what is documented."""

from __future__ import annotations

import ast
import tomllib
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final, TypeGuard

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

ROOT: Final = Path(__file__).parents[2]
PACKAGES: Final[Mapping[str, str]] = {
    "mhfd": "functions/mhfd",
    "mhfd_flows": "flows/mhfd_flows",
    "mhfd_endpoint": "endpoint_config/mhfd_endpoint",
    "mhfd_client": "client/mhfd_client",
}
Documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Module:
    """One file, parsed."""

    name: str
    path: Path
    text: str

    @cached_property
    def tree(self) -> ast.Module:
        """What the parser makes of it."""
        return ast.parse(self.text)

    @cached_property
    def lines(self) -> int:
        """All of them."""
        return self.text.count("\n")

    @cached_property
    def code(self) -> int:
        """Lines that are no blank, comment, docstring or `__all__`."""
        silent: set[int] = set()
        for node in ast.walk(self.tree):
            if _is_text(node) or (isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"):
                silent.update(range(node.lineno, (node.end_lineno or node.lineno) + 1))
        lines = enumerate(self.text.splitlines(), 1)
        return sum(n not in silent and bool(line.strip()) and not line.strip().startswith("#") for n, line in lines)

    def imports(self) -> Iterator[tuple[str, str, int]]:
        """(module, name in it or nothing, line) of each import at any level, but for those that only a checker runs."""
        for node in _run(self.tree):
            if isinstance(node, ast.Import):
                yield from ((alias.name, "", node.lineno) for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                yield from ((node.module, alias.name, node.lineno) for alias in node.names)

    def classes(self) -> Iterator[ast.ClassDef]:
        """The public classes."""
        return (node for node in self.tree.body if isinstance(node, ast.ClassDef) and not node.name.startswith("_"))

    def to_document(self) -> Iterator[tuple[str, Documented]]:
        """The module, its public classes, functions and methods, each by its name."""
        yield self.name, self.tree
        for node in self.tree.body:
            if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and _public(node):
                yield f"{self.name}.{node.name}", node
                for inner in node.body if isinstance(node, ast.ClassDef) else ():
                    if isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef) and _public(inner):
                        yield f"{self.name}.{node.name}.{inner.name}", inner


@dataclass(frozen=True)
class Import:
    """One module needs another."""

    importer: Module
    imported: str
    line: int

    def __str__(self) -> str:
        return f"{self.importer.path}:{self.line} imports {self.imported}"


class House:
    """The four packages of one checkout."""

    def __init__(self, root: Path = ROOT) -> None:
        self.root = root
        self.modules: dict[str, Module] = {}
        for package, folder in PACKAGES.items():
            for file in sorted((root / folder).rglob("*.py")):
                inside = file.relative_to(root / folder).with_suffix("").parts
                name = ".".join((package, *(part for part in inside if part != "__init__")))
                self.modules[name] = Module(name, file.relative_to(root), file.read_text("utf-8"))

    @cached_property
    def imports(self) -> list[Import]:
        """Who imports whom, among these modules."""
        found = []
        for module in self.modules.values():
            for name, inner, line in module.imports():
                target = f"{name}.{inner}" if f"{name}.{inner}" in self.modules else name
                if target in self.modules:
                    found.append(Import(module, target, line))
        return found

    def circles(self) -> list[list[str]]:
        """Modules that need each other, directly or through others (strongly connected)."""
        names = sorted(self.modules)
        at = {name: i for i, name in enumerate(names)}
        pairs = np.array([(at[i.importer.name], at[i.imported]) for i in self.imports]).reshape(-1, 2)
        graph = coo_array((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), (len(names), len(names)))
        count, group = connected_components(graph, connection="strong")
        members = [[names[i] for i in np.flatnonzero(group == g)] for g in range(count)]
        to_itself = {i.imported for i in self.imports if i.imported == i.importer.name}
        return [m for m in members if len(m) > 1 or m[0] in to_itself]

    @cached_property
    def contracts(self) -> list[dict[str, Any]]:
        """Those of the linter that lay modules in floors."""
        settings = tomllib.loads((self.root / "pyproject.toml").read_text("utf-8"))
        found = settings["tool"].get("importlinter", {}).get("contracts", [])
        return [contract for contract in found if contract["type"] == "layers"]

    @cached_property
    def floors(self) -> dict[str, int]:
        """The floor of each package and room, the lowest is 0. Rooms side by side share one."""
        found = {}
        for contract in self.contracts:
            for container in contract.get("containers", [""]):
                for floor, rooms in enumerate(reversed(contract["layers"])):
                    for room in rooms.split("|"):
                        found[f"{container}.{room.strip().strip('()')}".strip(".")] = floor
        return found

    def climbs(self) -> list[Import]:
        """Imports from a room into one that does not lie below it: back up, or into a room on the same floor."""
        return [i for i in self.imports if self._climbs(i.importer.name, i.imported)]

    def _climbs(self, importer: str, imported: str) -> bool:
        mine, theirs = importer.split("."), imported.split(".")
        if mine[0] == theirs[0]:  # rooms; the face of the package itself has no floor
            here, there = (self.floors.get(".".join(name[:2])) if name[1:] else None for name in (mine, theirs))
        else:
            here, there = self.floors.get(mine[0]), self.floors.get(theirs[0])
        return mine[:2] != theirs[:2] and here is not None and there is not None and there >= here

    def folders(self) -> dict[Path, int]:
        """How many modules each folder holds, its face not counted."""
        count: dict[Path, int] = defaultdict(int)
        for module in self.modules.values():
            count[module.path.parent] += module.path.name != "__init__.py"
        return count

    def class_names(self) -> dict[str, list[str]]:
        """The places where each public class name is defined."""
        found: dict[str, list[str]] = defaultdict(list)
        for module in self.modules.values():
            for node in module.classes():
                found[node.name].append(f"{module.path}:{node.lineno}")
        return found

    def twice(self) -> dict[str, list[str]]:
        """Public class names that are defined more than once."""
        return {name: places for name, places in self.class_names().items() if len(places) > 1}

    def documented(self) -> tuple[list[str], list[str]]:
        """What has a docstring, and what has none: as `file:line name`."""
        have: list[str] = []
        lack: list[str] = []
        for module in self.modules.values():
            for name, node in module.to_document():
                line = 1 if isinstance(node, ast.Module) else node.lineno
                (have if ast.get_docstring(node) else lack).append(f"{module.path}:{line} {name}")
        return have, lack


def _is_text(node: ast.AST) -> TypeGuard[ast.Expr]:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def _public(node: ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    # What another overload or the getter of a property says is not said again.
    again = any(isinstance(d, ast.Attribute) and d.attr in ("setter", "deleter") for d in node.decorator_list)
    again = again or any(isinstance(d, ast.Name) and d.id == "overload" for d in node.decorator_list)
    return not node.name.startswith("_") and not again


def _run(node: ast.AST) -> Iterator[ast.AST]:
    """All below a node that an interpreter runs."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and ast.unparse(child.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING"):
            for other in child.orelse:
                yield other
                yield from _run(other)
            continue
        yield child
        yield from _run(child)
