"""Is a definition right? Every finding, told apart: what Globus would refuse, and what only we would not leave alone.

Puts together what the language says of each state, the ways between them, the providers, the references and our own
rules. Knows nothing of files or of the service, which has the last word.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from mhfd_flows import rules
from mhfd_flows.definition import WHOLE, Definition, read
from mhfd_flows.errors import DefinitionRefused
from mhfd_flows.findings import FlowFinding, in_order, language
from mhfd_flows.references import References, references
from mhfd_flows.ways import following


def checked(document: object, input_schema: Mapping[str, Any] | None = None, *, strict: bool = True) -> Definition:
    """The typed definition. DefinitionRefused names what is wrong: `strict`, by our rules too."""
    definition, found = examined(document, input_schema)
    against = [one for one in found if strict or one.rule == "language"]
    if definition is None or against:
        raise DefinitionRefused("\n".join(map(str, against)))
    return definition


def examined(
    document: object, input_schema: Mapping[str, Any] | None = None
) -> tuple[Definition | None, list[FlowFinding]]:
    """The definition, if it can be read at all, and everything that is wrong with it."""
    definition, found = read(document)
    if definition is None:
        return None, found
    names = list(document["States"]) if isinstance(document, Mapping) else []
    found += _ways(definition, names)
    whole = len(definition.states) == len(names)
    try:
        if whole and definition.start_at in definition.states:
            found += references(definition, input_schema).findings
        if whole:
            found += rules.remarks(definition)
    except RecursionError:
        return None, [*found, language(WHOLE, "is nested too deep")]
    return (definition if whole else None), in_order(found, names)


def problems(definition: Definition, input_schema: Mapping[str, Any] | None = None) -> list[FlowFinding]:
    """The same, of a definition that could be read."""
    found = [*_ways(definition, list(definition.states)), *rules.remarks(definition)]
    if definition.start_at in definition.states:
        found += references(definition, input_schema).findings
    return in_order(found, definition.states)


def needed(definition: Definition, input_schema: Mapping[str, Any] | None = None) -> References:
    """What its references say, and what the input of a run must have where no schema tells."""
    return references(definition, input_schema)


def _ways(definition: Definition, names: list[str]) -> Iterator[FlowFinding]:
    """Ways that lead to no state, and states that none leads to."""
    known, named = set(names), {definition.start_at}
    if definition.start_at not in known:
        yield language(WHOLE, f"StartAt names {definition.start_at!r}, which is no state")
    for name, state in definition.states.items():
        for target in following(state):
            named.add(target)
            if target not in known:
                yield language(name, f"leads to {target!r}, which is no state")
    for name in definition.states if len(definition.states) == len(names) else ():
        if name not in named:
            yield language(name, "no state leads here")
