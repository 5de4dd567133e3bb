"""Who may see the page and speak on it: asked over a real socket, as a stranger on the same machine would."""

from __future__ import annotations

import json
import os
import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from tests.rigs.page_asked import Asked, cookie
from tests.rigs.page_rig import Rig, Served, served

from mhfd.errors import UsageError
from mhfd_client.cli import main
from mhfd_client.errors import StateError
from mhfd_client.page.process import address, bound, is_loopback
from mhfd_client.page.token import stamp_of, token_of
from mhfd_client.settings.places import PORT


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with Rig(tmp_path_factory.mktemp("guard")) as rig:
        rig.run(8)
        yield rig


@pytest.fixture(scope="module")
def at(rig: Rig) -> Iterator[Served]:
    with served(rig) as at:
        yield at


def label(at: Served, changes: dict[str, str] | None = None) -> Asked:
    """A press of a button, as the page's own script sends it."""
    headers = {
        "Cookie": cookie(at),
        "Origin": at.base,
        "Sec-Fetch-Site": "same-origin",
        "X-MHFD-Stamp": stamp_of(at.token),
        "Content-Type": "application/json",
    }
    changes = dict(changes or {})
    body = changes.pop("body", json.dumps({"image": 1, "label": "fine", "who": "Ann"})).encode()
    headers |= changes
    return Asked(at, "/labels", method="POST", body=body, headers={k: v for k, v in headers.items() if v})


PATHS = ["/", "/live", "/chart", "/images/1", "/images/1/thumbnail", "/images/1/map", "/images/1/pixels", "/bokeh.js"]
PATHS += ["/images/1/foreseen?label=sharp"]


@pytest.mark.parametrize("path", [*PATHS, "/assets/page.js", "/nothing", "/?token=wrong"])
def test_nothing_is_shown_without_the_token(at: Served, path: str) -> None:
    for headers in ({}, {"Cookie": cookie(at).split("=")[0] + "=guess"}):
        asked = Asked(at, path, headers=headers)
        assert asked.status == 401
        assert b"mhfd watch" in asked.body  # it says where the address is


def test_the_token_is_in_the_address_once_and_then_a_cookie_that_scripts_cannot_read(at: Served) -> None:
    asked = Asked(at, f"/?token={at.token}")
    flags = asked.headers["Set-Cookie"].lower()
    assert asked.status == 200
    assert "httponly" in flags
    assert "samesite=strict" in flags
    assert asked.headers["Referrer-Policy"] == "no-referrer"
    page = Asked(at, "/", headers={"Cookie": cookie(at)})
    assert page.status == 200
    assert at.token.encode() not in page.body


def test_a_link_in_a_message_that_is_read_in_the_browser_leads_in(at: Served) -> None:
    """A browser sends a strict cookie with no link of another site: the page asks itself again, from here."""
    elsewhere = {"Sec-Fetch-Site": "cross-site"}
    knock = Asked(at, "/", headers=elsewhere)
    assert knock.status == 200
    assert b'http-equiv="refresh" content="0;url=/"' in knock.body
    assert "Set-Cookie" not in knock.headers
    assert Asked(at, "/", headers={"Sec-Fetch-Site": "same-origin"}).status == 401, "and then it is refused"
    assert Asked(at, "/", headers={"Sec-Fetch-Site": "same-origin", "Cookie": cookie(at)}).status == 200
    assert Asked(at, "/images/1", headers=elsewhere).status == 401
    assert Asked(at, "/?token=wrong", headers=elsewhere).status == 401


def test_only_the_owner_can_read_the_token(rig: Rig, tmp_path: Path) -> None:
    made = token_of(tmp_path)
    assert len(made) >= 40
    assert token_of(tmp_path) == made
    if os.name == "posix":
        assert (tmp_path / "page-token").stat().st_mode & 0o777 == 0o600
        (tmp_path / "page-token").chmod(0o644)
        with pytest.raises(StateError, match="can be read by others"):
            token_of(tmp_path)
    assert token_of(rig.state) != made


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8737", "127.0.0.1.evil.example", "", "localhost@evil", "["]
)
def test_a_name_that_is_not_ours_is_refused(at: Served, host: str) -> None:
    assert Asked(at, "/", headers={"Cookie": cookie(at), "Host": host}).status in (400, 421)


@pytest.mark.parametrize("host", ["localhost:1234", "127.0.0.1:9", "[::1]:80", socket.gethostname()])
def test_names_of_this_machine_are_taken_whatever_port_a_tunnel_gives_them(at: Served, host: str) -> None:
    assert Asked(at, "/", headers={"Cookie": cookie(at), "Host": host}).status == 200


def test_a_word_from_the_page_itself_is_taken_in(at: Served, rig: Rig) -> None:
    assert label(at).status == 204
    rig.take_in()
    said = rig.journal.labels()[-1]
    assert (said.image, said.fine, said.sharp, said.who) == (1, True, None, "Ann")
    assert label(at, {"body": '{"image": 1, "label": "undo-task"}'}).status == 204
    rig.take_in()
    assert not rig.journal.labels()[-1].fine


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"Cookie": ""}, 401),
        ({"Origin": ""}, 403),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"X-MHFD-Stamp": ""}, 403),
        ({"X-MHFD-Stamp": "0" * 64}, 403),
        ({"body": "x" * 5000}, 413),
        ({"Content-Length": "99999999999"}, 413),
        ({"Content-Length": "0x10"}, 400),
        ({"body": "{}"}, 400),
        ({"body": '{"image": 1, "label": "rm -rf"}'}, 400),
        ({"body": '{"image": "1", "label": "sharp"}'}, 400),
        ({"body": '{"image": 1, "label": "sharp", "path": "/etc/passwd"}'}, 400),
        ({"body": '{"image": 99999, "label": "sharp"}'}, 404),
        ({"body": '{"image": 1, "label": "retake"}'}, 400),  # what a page of before said: it meant 'not sharp'
        ({"body": '{"image": 1, "label": "again", "note": "' + "x" * 201 + '"}'}, 400),
        ({"body": '{"image": 1, "label": "again", "note": 7}'}, 400),
        ({"body": '{"image": 1, "label": "sharp", "who": "' + "x" * 61 + '"}'}, 400),
    ],
    ids=str,
)
def test_any_other_word_changes_nothing(at: Served, rig: Rig, changes: dict[str, str], status: int) -> None:
    before = len(rig.journal.labels())
    assert label(at, changes).status == status
    rig.take_in()
    assert len(rig.journal.labels()) == before


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        ("1/foreseen?label=sharp", 200),
        ("1/foreseen?label=undo-focus", 200),
        ("1/foreseen?label=again", 400),
        ("1/foreseen", 400),
        ("99999/foreseen?label=sharp", 404),
    ],
)
def test_what_a_label_would_turn_is_told_and_nothing_is_said(at: Served, rig: Rig, asked: str, status: int) -> None:
    before = len(rig.journal.labels())
    answer = Asked(at, f"/images/{asked}", headers={"Cookie": cookie(at)})
    assert answer.status == status
    if status == 200:
        assert json.loads(answer.body) == {"many": False, "sentence": "This would turn no other image."}
    rig.take_in()
    assert len(rig.journal.labels()) == before


def test_a_get_changes_nothing(at: Served, rig: Rig) -> None:
    before = len(rig.journal.labels())
    for method in ("GET", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD"):
        assert Asked(at, "/labels", method=method, headers={"Cookie": cookie(at)}).status == 405
    rig.take_in()
    assert len(rig.journal.labels()) == before


@pytest.mark.parametrize(
    "path",
    [
        "/images/99999",
        "/images/99999999999999999999999",
        "/images/0/thumbnail",
        "/images/-1",
        "/images/..%2f..%2fetc%2fpasswd",
        "/images/1/../../etc/passwd",
        "/assets/../server.py",
        "/assets/..%2fserver.py",
        "/assets/%2e%2e/server.py",
        "/assets//etc/passwd",
        "/page-token",
        "/journal.db",
    ],
)
def test_no_path_can_be_asked_for(at: Served, path: str) -> None:
    asked = Asked(at, path, headers={"Cookie": cookie(at)})
    assert asked.status in (404, 405)
    assert b"import" not in asked.body
    assert b"root:" not in asked.body


@pytest.mark.parametrize(
    "query",
    ["", "left=0", "left=a&top=0&right=9&bottom=9&width=9", "left=900&top=0&right=950&bottom=9&width=9",
     "left=0&top=0&right=0&bottom=0&width=1"],
)  # fmt: skip
def test_a_part_that_is_none_is_refused_in_words(at: Served, query: str) -> None:
    asked = Asked(at, f"/images/1/pixels?{query}", headers={"Cookie": cookie(at)})
    assert asked.status in (400, 410)
    assert asked.body


def test_pixels_are_a_picture_of_our_own_making(at: Served) -> None:
    whole = Asked(at, "/images/1/pixels?left=0&top=0&right=192&bottom=192&width=192", headers={"Cookie": cookie(at)})
    small = Asked(at, "/images/1/pixels?left=-5&top=0&right=99999&bottom=192&width=50", headers={"Cookie": cookie(at)})
    assert whole.body.startswith(b"\x89PNG")
    assert small.body.startswith(b"\xff\xd8")
    assert Asked(at, "/images/1/map", headers={"Cookie": cookie(at)}).body.startswith(b"\x89PNG")


def test_every_answer_tells_the_browser_to_run_nothing_but_ours(at: Served) -> None:
    for path in (*PATHS, "/nothing"):
        for headers in ({}, {"Cookie": cookie(at)}):
            policy = Asked(at, path, headers=headers).headers["Content-Security-Policy"]
            assert "default-src 'none'" in policy
            assert re.search(r"script-src 'self'(;|$)", policy)
            assert "frame-ancestors 'none'" in policy
    page = Asked(at, "/", headers={"Cookie": cookie(at)}).body.decode()
    assert not re.search(r"<script(?![^>]*\bsrc=)|\bon\w+=|javascript:|https?://", page)  # nothing inline, nothing afar


def test_a_taken_port_is_named_with_the_remedy(tmp_path: Path) -> None:
    with bound("127.0.0.1", None) as first:
        port = first.getsockname()[1]
        with pytest.raises(UsageError, match=rf"port {port} .* is taken .*--no-page"):
            bound("127.0.0.1", port)
        with bound("127.0.0.1", None) as second:
            assert second.getsockname()[1] != port
        (tmp_path / "run").mkdir()
        said = CliRunner().invoke(
            main, ["watch", str(tmp_path / "run"), "--state", str(tmp_path / "state"), "--page-port", str(port)]
        )
        assert said.exit_code == 2
        assert f"port {port}" in said.output
    with pytest.raises(UsageError, match="--page-host"):
        bound("no such host.invalid", None)
    assert PORT == 8737


def test_an_address_is_whole_and_loopback_is_known(tmp_path: Path) -> None:
    with bound("127.0.0.1", None) as listening:
        port = listening.getsockname()[1]
        assert address(listening, "127.0.0.1", "t") == f"http://127.0.0.1:{port}/?token=t"
        assert address(listening, "0.0.0.0", "t") == f"http://{socket.gethostname()}:{port}/?token=t"  # noqa: S104
        assert address(listening, "::1", "t") == f"http://[::1]:{port}/?token=t"
    assert all(map(is_loopback, ("127.0.0.1", "::1", "localhost", "127.9.9.9")))
    assert not any(map(is_loopback, ("0.0.0.0", "10.0.0.1", "station.lab")))  # noqa: S104
