"""The expressions of the language, as in `"n.=": "len(batch.images)"`: which are allowed, and what they give.

They look like Python. Names are the top-level names of a run's state, a path may stand between backquotes, and
functions are those that the service documents or its published examples use. `parsed` and `remarks` need nothing
installed; `evaluate` needs simpleeval, of the extra `globus`. The service's own evaluator has the last word.
"""

import ast
import posixpath
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from mhfd.errors import needing_extra
from mhfd_flows import paths
from mhfd_flows.errors import ExpressionError, PathError

FUNCTIONS: Final = frozenset({"getattr", "is_present", "len", "pathsplit", "str"})
"""Documented, or used by Globus' own examples."""
_PERHAPS: Final = frozenset(
    {"abs", "all", "any", "bool", "dict", "float", "int", "list", "max", "min", "rand", "randint", "range", "round"}
) | {"set", "sorted", "sum", "tuple"}
"""Evaluators of this kind often have them; no public document says that the service's has."""
_METHODS: Final = frozenset({"endswith", "lower", "lstrip", "rpartition", "rstrip", "split", "startswith", "strip"})
_NEVER: Final = frozenset({"format", "format_map", "mro"})
_HIDDEN: Final = frozenset({"clear", "copy", "get", "items", "keys", "pop", "update", "values"})
_NODES: Final = (
    ast.Expression,
    ast.BoolOp,
    ast.BinOp,
    ast.UnaryOp,
    ast.IfExp,
    ast.Compare,
    ast.Call,
    ast.Constant,
    ast.Attribute,
    ast.Subscript,
    ast.Slice,
    ast.Name,
    ast.List,
    ast.Tuple,
    ast.Set,
    ast.Dict,
    ast.ListComp,
    ast.GeneratorExp,
    ast.DictComp,
    ast.comprehension,
    ast.JoinedStr,
    ast.FormattedValue,
    ast.expr_context,
    ast.boolop,
    ast.operator,
    ast.unaryop,
    ast.cmpop,
)
_UNSEEN: Final = (ast.Tuple, ast.Set, ast.GeneratorExp, ast.DictComp, ast.JoinedStr)
_QUOTED: Final = re.compile(r"`\s*(\$[^`]*?)\s*`")
_STANDS_FOR: Final = "path_between_backquotes_"


@dataclass(frozen=True, slots=True)
class Parsed:
    """An expression as a tree. `quoted`: the paths between backquotes, by the name that stands for each."""

    text: str
    tree: ast.Expression
    quoted: Mapping[str, str]


@lru_cache(maxsize=4096)
def parsed(text: str) -> Parsed:
    """ExpressionError when the expression is malformed, or uses what the language does not have."""
    quoted: dict[str, str] = {}

    def name(found: re.Match[str]) -> str:
        try:
            paths.parse(found[1])
        except PathError as e:
            raise ExpressionError(f"{text!r}: {e}") from None
        quoted[f"{_STANDS_FOR}{len(quoted)}"] = found[1]
        return f"{_STANDS_FOR}{len(quoted) - 1}"

    tree = _tree(text, _QUOTED.sub(name, text.strip()))
    for node in ast.walk(tree):
        if not isinstance(node, _NODES):
            raise ExpressionError(f"{text!r}: {type(node).__name__} is not in the language of expressions")
        if isinstance(node, ast.Call):
            _check_call(text, node)
    return Parsed(text, tree, quoted)


def remarks(text: str) -> Iterator[str]:
    """What may be understood otherwise by the service: it is in no document and no published example."""
    for node in ast.walk(parsed(text).tree):
        if isinstance(node, ast.Attribute) and node.attr in _HIDDEN:
            yield f"{text!r}: `.{node.attr}` is a method of every object; name the field differently"
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _PERHAPS:
            yield f"{text!r}: no public document says that there is a function {node.func.id!r}"
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr not in _METHODS:
            yield f"{text!r}: no published example uses the method {node.func.attr!r}"
        elif isinstance(node, _UNSEEN) and isinstance(getattr(node, "ctx", ast.Load()), ast.Load):
            yield f"{text!r}: no published example has a {type(node).__name__}"


def evaluate(text: str, state: Mapping[str, Any]) -> Any:
    """What an expression gives in a state; ExpressionError when it gives nothing."""
    expression = parsed(text)
    with needing_extra("globus", "running a flow here needs simpleeval"):
        import simpleeval
    functions = {
        "getattr": lambda name, default=None: _at(state, name, default),
        "is_present": lambda name: _at(state, name, simpleeval) is not simpleeval,
        "len": len,
        "pathsplit": pathsplit,
        **{one.__name__: one for one in (abs, all, any, bool, float, int, max, min, range, round, sorted, str, sum)},
    }
    names = _Names(state, expression.quoted)
    evaluator = simpleeval.EvalWithCompoundTypes(names=names, functions=functions)
    try:
        found = evaluator.eval(text, previously_parsed=expression.tree.body)
    except Exception as e:  # whatever the state's values do inside an expression
        raise ExpressionError(f"{text!r}: {type(e).__name__}: {e}") from None
    return _plain(found)


def pathsplit(path: str) -> list[str]:
    """What leads to the last part of a path, and that part. `/~/`, where a person's files are, stays whole."""
    if path.startswith("/~/") and "/" not in path[3:]:
        return ["/~/", path[3:]]
    return list(posixpath.split(path))


def _tree(text: str, source: str) -> ast.Expression:
    """A line may end between two parts, or inside a text: both are found in published definitions."""
    problem: Exception | None = None
    for attempt in (source, *((f"({source})", source.replace("\n", "\\n")) if "\n" in source else ())):
        try:
            tree: ast.Expression = ast.parse(attempt, mode="eval")
            return tree
        except (SyntaxError, ValueError, RecursionError, MemoryError) as e:
            problem = problem or e
    raise ExpressionError(f"{text!r} is no expression: {problem}") from None


class _Names(dict[str, Any]):
    """The state, and what stands between backquotes: looked up when it is needed, for it may be missing elsewhere."""

    def __init__(self, state: Mapping[str, Any], quoted: Mapping[str, str]) -> None:
        super().__init__(state)
        self._state, self._quoted = state, quoted

    def __missing__(self, name: str) -> Any:
        return paths.look_up(self._state, self._quoted[name])


def _at(state: Mapping[str, Any], name: str, default: Any) -> Any:
    try:
        return paths.look_up(state, name if name.startswith("$") else f"$.{name}")
    except PathError:
        return default


def _plain(value: Any) -> Any:
    """As JSON has it: a tuple is a list there."""
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    return [_plain(one) for one in value] if isinstance(value, list | tuple | set | range) else value


def _check_call(text: str, node: ast.Call) -> None:
    if isinstance(node.func, ast.Name) and node.func.id not in FUNCTIONS | _PERHAPS:
        raise ExpressionError(
            f"{text!r}: there is no function {node.func.id!r}; there are {', '.join(sorted(FUNCTIONS))}"
        )
    if isinstance(node.func, ast.Attribute) and (node.func.attr in _NEVER or node.func.attr not in _ALL_METHODS):
        raise ExpressionError(
            f"{text!r}: there is no method {node.func.attr!r}; there are {', '.join(sorted(_METHODS))}"
        )
    if not isinstance(node.func, ast.Name | ast.Attribute) or any(word.arg is None for word in node.keywords):
        raise ExpressionError(f"{text!r}: only functions and methods can be called")


_ALL_METHODS: Final = frozenset(
    name for kind in (str, list, dict, int, float) for name in dir(kind) if not name.startswith("_")
)
