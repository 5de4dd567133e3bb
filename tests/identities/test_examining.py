"""Who becomes which account: what a mapping says in words, and what of it is refused, tried with Globus' own code."""

from __future__ import annotations

import json
import os
import pwd
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from mhfd_client.cli import main
from mhfd_endpoint.errors import EndpointError
from mhfd_endpoint.finding import Check, Level
from mhfd_endpoint.identities import language
from mhfd_endpoint.identities.examining import examine, sentences, who
from mhfd_endpoint.identities.mapping import IdentityMap, identity
from mhfd_endpoint.rights import others_can_write

EXPRESSION = "expression_identity_mapping#1.0.0"
PROGRAM = "external_identity_mapping#1.0.0"
USER, ID = "{username}", "b34bb069-3b68-4d38-b4e6-bc1e4fc95332"
ACCOUNTS = {"root": 0, "daemon": 1, "nobody": 65534, "anna": 1001, "bela": 1002, "lab": 1003, "robert": 1004}


@pytest.fixture(autouse=True)
def _accounts(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine with these accounts."""
    people = {
        name: pwd.struct_passwd((name, "x", uid, uid, name, f"/home/{name}", "/bin/sh"))
        for name, uid in ACCOUNTS.items()
    }
    monkeypatch.setattr(pwd, "getpwnam", lambda name: people[name])
    monkeypatch.setattr(pwd, "getpwall", lambda: list(people.values()))


def rule(match: str, output: str, source: str = USER, **more: Any) -> dict[str, Any]:
    return {"source": source, "match": match, "output": output, **more}


@dataclass(frozen=True)
class Case:
    """A mapping, and what must be said of it."""

    id: str
    rules: tuple[dict[str, Any], ...]
    said: str
    stranger: str = ""
    """How one who is meant by no rule gets in, as the real mapper has it."""
    more: tuple[str, ...] = field(default=())


REFUSED = (
    Case(
        "everybody is root",
        (rule(".*", "root"),),
        "names of every domain",
        "root@evil.org becomes root",
        ("run as root",),
    ),
    Case("any domain", (rule("(.*)@.*", "{0}"),), "names of every domain", "root@evil.org becomes root"),
    Case("no at", (rule(r"(.*)example\.org", "{0}"),), "asks for no '@'", "@evilexample.org becomes root@evil"),
    Case("a bare dot", (rule("(.*)@uni.example.edu", "{0}"),), "any character", "root@unixexample.edu becomes root"),
    Case("every university", (rule(r"(.*)@(.*)\.edu", "{0}"),), "ends with '.edu'", "root@uni.edu becomes root"),
    Case("a country's universities", (rule(r"(.*)@(.*)\.ac\.uk", "{0}"),), "ends with '.ac.uk'"),
    Case(
        "alternatives without parentheses",
        (rule(r"anna@example\.org|bela@example\.org", "anna"),),
        "its end is open",
        "anna@example.org.evil.org becomes anna",
    ),
    Case(
        "a domain that goes on",
        (rule(r"(.*)@example\.(.*)", "{0}"),),
        "its end is open",
        "root@example.net.evil.org becomes root",
    ),
    Case("where everybody chooses a name", (rule(r"(.*)@globusid\.org", "{0}"),), "of their own choosing"),
    Case("any identity", (rule("(.*)", "lab", "{id}"),), "takes any identity", "root@evil.org becomes lab"),
    Case(
        "an e-mail address",
        (rule(r"(.*)@example\.org", "{0}", "{email}"),),
        "proves nothing",
        "(e-mail root@example.org)",
    ),
    Case("a name of their own", (rule(r".*@example\.org", "{name}"),), "believes {name}, which proves nothing"),
    Case(
        "any case",
        (rule(r"(.*)@kit\.edu", "{0}", ignore_case=True),),
        "upper and lower case",
        "@k\u0131t.edu becomes root",
    ),
    Case("nothing compared", (rule(".*", "lab", "lab"),), "everybody fits", "root@evil.org becomes lab"),
    Case("many are one", (rule(r"(.*)@example\.org", "lab"),), "lab is whoever is *@example.org"),
    Case("two are one", (rule(r"(anna|bela)@example\.org", "lab"),), "lab is whoever is anna@example.org or bela@"),
    Case("an identity provider is one", (rule(ID, "lab", "{identity_provider}"),), f"lab is whoever is {ID}"),
    Case("root", (rule(r"anna@example\.org", "root"),), "tasks would run as root"),
    Case("the system's", (rule(r"anna@example\.org", "daemon"),), "account of the system (uid 1)"),
    Case("nobody's", (rule(r"anna@example\.org", "nobody"),), "account of the system (uid 65534)"),
    Case("no account", (rule(r"anna@example\.org", "carla"),), "no account 'carla' on this machine"),
    Case(
        "never reached",
        (rule(r"(.*)@example\.org", "{0}"), rule(r"bob@example\.org", "robert")),
        "never reached: rule 1 takes everybody",
    ),
    Case("nobody is called so", (rule("anna", "anna"),), "no Globus username is like that", "anna becomes anna"),
    Case("a group that is not there", (rule(r"(.*)@example\.org", "{3}"),), "breaks, and with it every rule"),
)


def written(folder: Path, *documents: dict[str, Any]) -> Path:
    folder.chmod(0o755)
    path = folder / "identities.json"
    path.write_text(json.dumps(documents))
    path.chmod(0o600)
    return path


def of_rules(folder: Path, *rules: dict[str, Any]) -> Path:
    return written(folder, {"DATA_TYPE": EXPRESSION, "mappings": list(rules)})


def failed(checks: Iterator[Check]) -> str:
    return "\n".join(str(one) for one in checks if one.level is Level.FAIL)


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case.id)
def test_it_is_refused(case: Case, tmp_path: Path) -> None:
    said = failed(examine(of_rules(tmp_path, *case.rules)))
    for words in (case.said, case.stranger, *case.more):
        assert words in said
    assert ("strangers who were tried get in" in said) == bool(case.stranger)


SOUND = (
    Case(
        "a domain", (rule(r"(.*)@example\.org", "{0}"),), r"*@example.org becomes {0}, as anna@example.org becomes anna"
    ),
    Case(
        "people by name", (rule(r"(anna|bela)@example\.org", "{0}"),), "anna@example.org becomes anna; bela@example.org"
    ),
    Case("one at gmail", (rule(r"anna@gmail\.com", "anna"),), "anna@gmail.com becomes anna"),
    Case("one by the id", (rule(ID, "anna", "{id}"),), f"{ID} becomes anna"),
    Case("literally", (rule("anna@example.org", "anna", literal=True),), "anna@example.org becomes anna"),
    Case(
        "an exception first",
        (rule(r"bob@example\.org", "robert"), rule(r"(.*)@example\.org", "{0}")),
        "bob@example.org becomes robert",
        more=("robert is whoever is bob@example.org or robert@example.org",),
    ),
    Case(
        "a provider and a domain",
        (rule(f"{ID}:" + r"(.*)@example\.org", "{0}", "{identity_provider}:{username}"),),
        f"{ID}:*@example.org becomes {{0}}",
    ),
    Case(
        "departments",
        (rule(r"(.*)@(.*)\.example\.org", "{0}"),),
        "*@*.example.org becomes {0}",
        more=("anna is whoever is anna@lab.example.org or anna@other.example.org",),
    ),
    Case(
        "two domains",
        (rule(r"(.*)@(a\.org|b\.org)", "{0}"),),
        "*@b.org becomes {0}",
        more=("anna is whoever is anna@a.org or anna@b.org",),
    ),
)


@pytest.mark.parametrize("case", SOUND, ids=lambda case: case.id)
def test_it_is_said_in_words(case: Case, tmp_path: Path) -> None:
    path = of_rules(tmp_path, *case.rules)
    found = list(examine(path))
    assert failed(iter(found)) == ""
    assert case.said in "\n".join(one.what for one in found if one.level is Level.OK)
    assert case.said in "\n".join(sentences(path))
    assert found[-1].level is Level.OK
    assert "strangers that were tried none becomes anybody" in found[-1].what
    assert [one.what for one in found if one.level is Level.WARN] == list(case.more)


def test_what_it_says_is_what_the_endpoint_does(tmp_path: Path) -> None:
    """The first rule that fits decides, also among somebody's linked identities."""
    mapping = IdentityMap(of_rules(tmp_path, rule(r"bob@example\.org", "robert"), rule(r"(.*)@example\.org", "{0}")))
    assert mapping.becomes(identity("bob@example.org")) == "robert"
    assert mapping.becomes(identity("mallory@evil.org")) is None
    assert mapping.becomes(identity("mallory@evil.org"), identity("anna@example.org")) == "anna"


def test_somebody_can_be_asked_about(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rules = rule(ID, "lab", "{id}"), rule(r"(.*)@example\.org", "{0}")
    found = who(of_rules(tmp_path, *rules), ["anna@example.org", "carla@example.org", "anna@evil.org", ID])
    assert [one.account for one in found] == ["anna", "carla", None, "lab"]
    assert [one.why for one in found] == [None, "there is no account 'carla' on this machine", None, None]
    monkeypatch.setenv("GLOBUS_COMPUTE_USER_DIR", str(tmp_path))
    run = CliRunner()
    init = ["endpoint", "init", "ep", "--site", "workstation", "--gpus", "0", "--read", str(tmp_path)]
    assert run.invoke(main, init).exit_code == 0
    without = run.invoke(main, ["endpoint", "who", "ep", "anna@example.org"])
    assert (without.exit_code, "names no identity mapping" in without.output) == (1, True)
    with (tmp_path / "ep" / "config.yaml").open("a") as config:
        config.write(f"identity_mapping_config_path: {tmp_path / 'identities.json'}\n")
    fine = run.invoke(main, ["endpoint", "who", "ep", "anna@example.org"])
    assert (fine.exit_code, fine.output) == (0, "anna@example.org becomes anna\n")
    stranger = run.invoke(main, ["endpoint", "who", "ep", "anna@evil.org", "--json"])
    assert (stranger.exit_code, json.loads(stranger.output)[0]["account"]) == (1, None)


@pytest.mark.parametrize(
    "text",
    ["", "{", '{"DATA_TYPE": "x"}', "[{}]", '[{"DATA_TYPE": "expression_identity_mapping#1.0.0", "mappings": [{}]}]'],
)
def test_what_cannot_be_loaded_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "identities.json"
    path.write_text(text)
    with pytest.raises(EndpointError, match=r"identities\.json: the endpoint cannot load it"):
        list(examine(path))


def test_what_the_endpoint_passes_over(tmp_path: Path) -> None:
    said = failed(examine(written(tmp_path, {"DATA_TYPE": "expresion_identity_mapping#1.0.0", "mappings": []})))
    assert "passes over it" in said
    (warned, *_) = examine(of_rules(tmp_path, rule(r"(.*)@example\.org", "{0}", ignorecase=True)))
    assert warned.level is Level.WARN
    assert "ignorecase is passed over" in warned.what
    (nobody,) = examine(written(tmp_path))
    assert nobody.level is Level.WARN
    assert "maps nobody" in nobody.what


def test_a_program_that_maps_is_named_and_not_run(tmp_path: Path) -> None:
    ran, program = tmp_path / "ran", tmp_path / "whois"
    program.write_text(f"#!/bin/sh\ntouch {ran}\n")

    def found(*command: str) -> Check:
        (one,) = examine(written(tmp_path, {"DATA_TYPE": PROGRAM, "command": list(command)}))
        return one

    assert "whole path" in found("whois").do
    assert "is no program here" in found(str(program)).what
    program.chmod(0o755)
    assert found(str(program)).level is Level.WARN
    assert "only it knows" in found(str(program), "--strict").what
    program.chmod(0o777)
    assert (found(str(program)).level, "become any account" in found(str(program)).what) == (Level.FAIL, True)
    program.chmod(0o755)
    table = tmp_path / "table"
    table.touch()
    table.chmod(0o666)
    assert f"{table} can be changed" in found(str(program), str(table)).what
    assert not ran.exists()


def test_who_may_replace_a_link_may_change_what_it_names(tmp_path: Path) -> None:
    safe, shared = tmp_path / "safe", tmp_path / "shared"
    for folder in (safe, shared):
        folder.mkdir(mode=0o755)
    path = of_rules(safe, rule(r"(.*)@example\.org", "{0}"))
    link, second = shared / "identities.json", safe / "second.json"
    link.symlink_to(path)
    second.symlink_to(link)
    assert others_can_write(link) is None
    shared.chmod(0o777)
    assert others_can_write(path) is None
    assert others_can_write(link) == shared
    assert others_can_write(second) == shared
    shared.chmod(0o755)
    if os.getuid() == 0:
        os.chown(link, 65534, 65534, follow_symlinks=False)
        assert others_can_write(second) == link


@pytest.mark.parametrize(
    ("compiled", "shown"),
    [
        (r"^(a|b)?c$", ["ac", "bc", "c"]),
        (r"^a\.b.$", ["a.b?"]),
        (r"^a|b$", ["a*", "b"]),
        (r"^(a.*)*b$", ["*b"]),
        (r"^\$\+$", ["$+"]),
    ],
)
def test_every_kind_that_an_expression_takes(compiled: str, shown: list[str]) -> None:
    assert [language.shown(kind) for kind in language.kinds(compiled)] == shown


@pytest.mark.parametrize("compiled", ["^(?=a)b$", r"^(a)\1$", "^[ab]$", "^" + "(a|b)" * 10 + "$", "a$"])
def test_what_is_not_understood_is_said(compiled: str) -> None:
    with pytest.raises(language.NotUnderstood):
        language.kinds(compiled)


def test_an_expression_that_cannot_be_followed_is_tried(tmp_path: Path) -> None:
    found = list(examine(of_rules(tmp_path, rule("(?=r).*@(.*)", "root"))))
    assert "cannot be followed" in found[0].what
    assert "root@evil.org becomes root" in failed(iter(found))
