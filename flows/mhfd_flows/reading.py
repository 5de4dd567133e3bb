"""What an expression or a template reads of the state of a run, and the shape of what it makes of it.

Told the shape of the state, it tells each reference to the listener, with what is known of it. Reports nothing itself.
"""

import ast
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from mhfd_flows import expressions, paths
from mhfd_flows.errors import PathError
from mhfd_flows.paths import Many, Step
from mhfd_flows.shapes import (
    ANYTHING,
    NUMBER,
    TEXT,
    TRUTH,
    Looked,
    Shape,
    join,
    joined,
    look,
    many,
    of_value,
    thing,
)

Listener = Callable[[str, tuple[Step, ...], Looked], None]
"""Told of each reference: how it is written, its steps (none: it begins inside the expression), what is known."""

_METHODS: Final[Mapping[str, Shape]] = {
    **dict.fromkeys(("split", "rpartition", "partition", "rsplit", "splitlines"), many(TEXT)),
    **dict.fromkeys(("endswith", "startswith", "isdigit", "isalnum", "isalpha"), TRUTH),
    **dict.fromkeys(("lower", "upper", "strip", "lstrip", "rstrip", "replace", "join", "title", "zfill"), TEXT),
}
_FUNCTIONS: Final[Mapping[str, Shape]] = {
    "len": NUMBER,
    "str": TEXT,
    "is_present": TRUTH,
    "pathsplit": many(TEXT),
    "int": NUMBER,
    "float": NUMBER,
}


def read_path(state: Shape, path: str, listener: Listener) -> Shape:
    """The shape of what a path refers to."""
    steps = paths.parse(path)
    looked = look(state, steps)
    listener(path, steps, looked)
    return looked.shape


def read_template(state: Shape, template: Any, listener: Listener) -> Shape:
    """The shape of what Parameters become."""
    if isinstance(template, Mapping):
        made: dict[str, Shape] = {}
        for key, value in template.items():
            if key.endswith(".$"):
                made[key[:-2]] = read_path(state, value, listener)
            elif key.endswith(".="):
                made[key[:-2]] = read_expression(state, value, listener)
            elif key != "__Private_Parameters":
                made[key] = read_template(state, value, listener)
        return thing(made)
    if isinstance(template, list | tuple):
        return many(joined(read_template(state, value, listener) for value in template))
    return of_value(template)


def read_expression(state: Shape, text: str, listener: Listener) -> Shape:
    """The shape of what an expression gives."""
    expression = expressions.parsed(text)
    reader = _Reader(state, expression, listener)
    return reader.shape(expression.tree.body, {})


@dataclass(frozen=True, slots=True)
class _Chain:
    """A name with what follows it. `root`: it begins at the state."""

    base: Shape
    steps: tuple[Step, ...]
    root: bool


class _Reader:
    def __init__(self, state: Shape, expression: expressions.Parsed, listener: Listener) -> None:
        self._state, self._expression, self._listener = state, expression, listener
        self._asked = tuple(self._guards(expression.tree))

    def shape(self, node: ast.expr, names: Mapping[str, Shape]) -> Shape:
        """What a part of the expression gives. `names`: those that stand for the items of a list."""
        if isinstance(node, ast.Name | ast.Attribute | ast.Subscript):
            return self._told(node, self._chain(node, names))
        if isinstance(node, ast.Constant):
            return of_value(node.value)
        if isinstance(node, ast.Call):
            return self._call(node, names)
        if isinstance(node, ast.IfExp):
            self.shape(node.test, names)
            return join(self.shape(node.body, names), self.shape(node.orelse, names))
        if isinstance(node, ast.BinOp):
            return self._sum(node, self.shape(node.left, names), self.shape(node.right, names))
        if isinstance(node, ast.List | ast.Tuple | ast.Set):
            return many(joined(self.shape(one, names) for one in node.elts))
        if isinstance(node, ast.Dict):
            return self._object(node, names)
        if isinstance(node, ast.ListComp | ast.GeneratorExp):
            return many(self.shape(node.elt, self._bound(node.generators, names)))
        if isinstance(node, ast.DictComp):
            bound = self._bound(node.generators, names)
            for one in (node.key, node.value):
                self.shape(one, bound)
            return ANYTHING
        found = [self.shape(one, names) for one in ast.iter_child_nodes(node) if isinstance(one, ast.expr)]
        if isinstance(node, ast.Compare):
            return replace(TRUTH, implies=_implied(node))
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            return TRUTH
        if isinstance(node, ast.JoinedStr):
            return TEXT
        return (joined(found) or ANYTHING) if isinstance(node, ast.BoolOp | ast.UnaryOp) else ANYTHING

    def _chain(self, node: ast.expr, names: Mapping[str, Shape]) -> _Chain:
        if isinstance(node, ast.Name):
            if node.id in names:
                return _Chain(names[node.id], (), root=False)
            quoted = self._expression.quoted.get(node.id)
            return _Chain(self._state, (node.id,) if quoted is None else paths.parse(quoted), root=True)
        if isinstance(node, ast.Attribute):
            before = self._chain(node.value, names)
            return _Chain(before.base, (*before.steps, node.attr), before.root)
        if isinstance(node, ast.Subscript):
            step = self._step(node.slice, names)
            if step is not None:
                before = self._chain(node.value, names)
                return _Chain(before.base, (*before.steps, step), before.root)
            within = self.shape(node.value, names)
            return _Chain((within.items or ANYTHING) if within.kind == "list" else ANYTHING, (), root=False)
        return _Chain(self.shape(node, names), (), root=False)

    def _step(self, index: ast.expr, names: Mapping[str, Shape]) -> Step | None:
        if isinstance(index, ast.Slice):
            for bound in (index.lower, index.upper, index.step):
                if bound is not None:
                    self.shape(bound, names)
            return Many("slice", f"[{ast.unparse(index)}]")
        try:
            value = ast.literal_eval(index)
        except (ValueError, TypeError):
            self.shape(index, names)
            return None
        return value if isinstance(value, int | str) and not isinstance(value, bool) else None

    def _told(self, node: ast.expr, chain: _Chain) -> Shape:
        looked = look(chain.base, chain.steps, texts=True)
        asked = chain.root and any(chain.steps[: len(one)] == one for one in self._asked)
        if chain.steps and not asked:
            self._listener(self._text(node), chain.steps if chain.root else (), looked)
        return looked.shape

    def _text(self, node: ast.expr) -> str:
        text = ast.unparse(node)
        for name, path in self._expression.quoted.items():
            text = text.replace(name, path)
        return text

    def _call(self, node: ast.Call, names: Mapping[str, Shape]) -> Shape:
        given = [self.shape(one, names) for one in (*node.args, *(word.value for word in node.keywords))]
        if isinstance(node.func, ast.Attribute):
            self.shape(node.func.value, names)
            return _METHODS.get(node.func.attr, ANYTHING)
        if isinstance(node.func, ast.Name) and node.func.id == "getattr":
            looked = self._optional(node)
            default = given[1] if len(given) > 1 else ANYTHING
            if looked is None or looked.missing is not None:
                return default if looked is not None else ANYTHING
            return looked.shape if looked.doubtful is None else join(looked.shape, default)
        if isinstance(node.func, ast.Name) and node.func.id == "is_present":
            return replace(TRUTH, implies=_asked_for(node) or ())
        return _FUNCTIONS.get(node.func.id, ANYTHING) if isinstance(node.func, ast.Name) else ANYTHING

    def _optional(self, node: ast.Call) -> Looked | None:
        steps = _asked_for(node)
        return None if steps is None else look(self._state, steps)

    def _sum(self, node: ast.BinOp, left: Shape, right: Shape) -> Shape:
        kinds = {left.kind, right.kind}
        if kinds == {"list"} and isinstance(node.op, ast.Add):
            return join(left, right)
        if "text" in kinds:
            return TEXT
        return NUMBER if "number" in kinds and kinds <= {"number", "anything", "value"} else ANYTHING

    def _object(self, node: ast.Dict, names: Mapping[str, Shape]) -> Shape:
        made: dict[str, Shape] = {}
        unknown = False
        for key, value in zip(node.keys, node.values, strict=True):
            shape = self.shape(value, names)
            if isinstance(key, ast.Constant) and isinstance(key.value, str):
                made[key.value] = shape
            else:
                unknown = True
                if key is not None:
                    self.shape(key, names)
        return thing(made, rest="unknown" if unknown else "none")

    def _bound(self, generators: list[ast.comprehension], names: Mapping[str, Shape]) -> dict[str, Shape]:
        bound = dict(names)
        for one in generators:
            found = self.shape(one.iter, bound)
            for target in ast.walk(one.target):
                if isinstance(target, ast.Name):
                    single = isinstance(one.target, ast.Name) and found.kind == "list"
                    bound[target.id] = (found.items or ANYTHING) if single else ANYTHING
            for condition in one.ifs:
                self.shape(condition, bound)
        return bound

    def _guards(self, tree: ast.AST) -> Iterator[tuple[Step, ...]]:
        """What the expression asks for before it takes it: `is_present('a.b')`, `'b' in a`."""
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "is_present":
                steps = _asked_for(node)
                if steps:
                    yield steps
            elif isinstance(node, ast.Compare) and isinstance(node.left, ast.Constant):
                for operator, right in zip(node.ops, node.comparators, strict=True):
                    if isinstance(operator, ast.In | ast.NotIn) and isinstance(node.left.value, str):
                        steps = self._plain(right)
                        if steps:
                            yield (*steps, node.left.value)

    def _plain(self, node: ast.expr) -> tuple[Step, ...]:
        """The steps of a chain of names; none where it is something else."""
        if isinstance(node, ast.Name):
            quoted = self._expression.quoted.get(node.id)
            return (node.id,) if quoted is None else paths.parse(quoted)
        if isinstance(node, ast.Attribute):
            before = self._plain(node.value)
            return (*before, node.attr) if before else ()
        if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
            before = self._plain(node.value)
            step = node.slice.value
            return (*before, step) if before and isinstance(step, int | str) else ()
        return ()


def _implied(node: ast.Compare) -> tuple[Step, ...]:
    """`getattr('a.b', None) != None` is true only where there is one."""
    left, right = node.left, node.comparators[0]
    is_none = len(node.ops) == 1 and isinstance(right, ast.Constant) and right.value is None
    if not is_none or not isinstance(node.ops[0], ast.NotEq) or not isinstance(left, ast.Call):
        return ()
    default = left.args[1] if len(left.args) > 1 else ast.Constant(None)
    asks = isinstance(left.func, ast.Name) and left.func.id == "getattr"
    return (_asked_for(left) or ()) if asks and isinstance(default, ast.Constant) and default.value is None else ()


def _asked_for(node: ast.Call) -> tuple[Step, ...] | None:
    """The path in the first argument of `getattr` and `is_present`, where it is written out."""
    first = node.args[0] if node.args else None
    if not isinstance(first, ast.Constant) or not isinstance(first.value, str):
        return None
    try:
        return paths.parse(first.value if first.value.startswith("$") else f"$.{first.value}")
    except PathError:
        return None
