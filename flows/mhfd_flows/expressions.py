"""The expressions of the language, as in `"n.=": "len(batch.images)"`: which are allowed, and what they give.

They look like Python. Names are the top-level names of a run's state; functions are those that the service documents or
its published examples use. `check` needs nothing installed; `evaluate` needs simpleeval, of the extra `globus`. The
service's own evaluator has the last word.
"""

import ast
from collections.abc import Mapping
from typing import Any, Final

from mhfd.errors import needing_extra
from mhfd_flows.errors import ExpressionError

FUNCTIONS: Final = frozenset({"getattr", "is_present", "len", "pathsplit", "str"})
_METHODS: Final = frozenset({"endswith", "lower", "lstrip", "rpartition", "rstrip", "split", "startswith", "strip"})
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
    ast.Name,
    ast.List,
    ast.Dict,
    ast.ListComp,
    ast.comprehension,
    ast.expr_context,
    ast.boolop,
    ast.operator,
    ast.unaryop,
    ast.cmpop,
)


def check(text: str) -> None:
    """ExpressionError when the expression is malformed, or uses what the language does not have."""
    for node in ast.walk(_tree(text)):
        if not isinstance(node, _NODES):
            raise ExpressionError(f"{text!r}: {type(node).__name__} is not in the language of expressions")
        if isinstance(node, ast.Attribute) and node.attr in _HIDDEN:
            raise ExpressionError(f"{text!r}: `.{node.attr}` is a method of every object; name the field differently")
        if isinstance(node, ast.Call):
            _check_call(text, node)


def evaluate(text: str, state: Mapping[str, Any]) -> Any:
    """What an expression gives in a state; ExpressionError when it gives nothing."""
    check(text)
    with needing_extra("globus", "running a flow here needs simpleeval"):
        import simpleeval
    functions = {
        "getattr": lambda name, default=None: state.get(name, default),
        "is_present": lambda name: name in state,
        "len": len,
        "pathsplit": lambda path: list(path.rsplit("/", 1)) if "/" in path else ["", path],
        "str": str,
    }
    evaluator = simpleeval.EvalWithCompoundTypes(names=dict(state), functions=functions)
    try:
        return evaluator.eval(text)
    except Exception as e:  # whatever the state's values do inside an expression
        raise ExpressionError(f"{text!r}: {type(e).__name__}: {e}") from None


def _tree(text: str) -> ast.Expression:
    try:
        return ast.parse(text.strip(), mode="eval")
    except (SyntaxError, ValueError) as e:
        raise ExpressionError(f"{text!r} is no expression: {e}") from None


def _check_call(text: str, node: ast.Call) -> None:
    if isinstance(node.func, ast.Name) and node.func.id not in FUNCTIONS:
        raise ExpressionError(
            f"{text!r}: there is no function {node.func.id!r}; there are {', '.join(sorted(FUNCTIONS))}"
        )
    if isinstance(node.func, ast.Attribute) and node.func.attr not in _METHODS:
        raise ExpressionError(
            f"{text!r}: there is no method {node.func.attr!r}; there are {', '.join(sorted(_METHODS))}"
        )
    if not isinstance(node.func, ast.Name | ast.Attribute) or node.keywords:
        raise ExpressionError(f"{text!r}: only functions and methods can be called, and without keywords")
