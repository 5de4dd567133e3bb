"""What two stages ask for is one object; a field of both has to be the same in both."""

from __future__ import annotations

import pytest

from mhfd_flows.errors import DefinitionRefused
from mhfd_flows.parts.schemas import joined, text, thing

ONE = thing("Asked", {"a": text("A"), "in": thing("In", {"x": text("X")}, ["x"])}, ["a"])


def test_the_fields_of_both_and_what_either_needs() -> None:
    other = thing("Other", {"b": text("B"), "in": thing("In", {"y": text("Y")}, [])}, ["b"])
    both = joined(ONE, other)
    assert both == thing(
        "Asked",
        {"a": text("A"), "in": thing("In", {"x": text("X"), "y": text("Y")}, ["x"]), "b": text("B")},
        ["a", "b"],
    )
    assert joined(both, other) == both


def test_words_may_differ_and_nothing_else() -> None:
    assert joined(ONE, thing("Asked", {"a": text("Another title", description="Said.")}, []))["required"] == ["a"]
    with pytest.raises(DefinitionRefused, match="a: two stages ask for it, each otherwise"):
        joined(ONE, thing("Asked", {"a": text("A", 12)}, []))
