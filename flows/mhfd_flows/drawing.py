"""A definition as a graph in the language of Mermaid. Knows nothing of pixels or services."""

from mhfd_flows.definition import Definition
from mhfd_flows.ways import ways_of

_SHAPES = {
    "Action": '["{}"]',
    "ExpressionEval": '("{}")',
    "Pass": '("{}")',
    "Choice": '{{"{}"}}',
    "Wait": '(["{}"])',
    "Fail": '[["{}"]]',
    "CreateWebInput": '[/"{}"/]',
    "AwaitWebInput": '[/"{}"/]',
}


def mermaid(definition: Definition) -> str:
    """The graph in the language of Mermaid, which GitHub and many editors draw."""
    lines = ["flowchart TD"]
    lines += [f"  {name}{_SHAPES[state.type].format(name)}" for name, state in definition.states.items()]
    for way in ways_of(definition):
        arrow = "-.->" if way.kind == "catch" else "-->"
        when = f'|"{way.when}"|' if way.when else ""
        lines.append(f"  {way.begin} {arrow}{when} {way.end}")
    actions = [name for name, state in definition.states.items() if state.type == "Action"]
    fails = [name for name, state in definition.states.items() if state.type == "Fail"]
    lines += ["  classDef action fill:#dbe9f6,stroke:#2c5f8a", "  classDef fail fill:#fbe3df,stroke:#a33a2a"]
    lines += [f"  class {','.join(actions)} action"] if actions else []
    lines += [f"  class {','.join(fails)} fail"] if fails else []
    return "\n".join(lines) + "\n"
