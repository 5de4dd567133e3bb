"""One contract for every sink, against a real server on this machine and real programs."""

from __future__ import annotations

import json
import os
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from tests.rigs.receiver import CERTIFICATE, SECRET, Receiver, answer, receiver

from mhfd_client.alerts import Alert, Event, Rule, Sink, SinkFailed, build
from mhfd_client.alerts.command import Command
from mhfd_client.alerts.webhook import Webhook
from mhfd_client.errors import SettingsError
from mhfd_client.settings.options import AlertSettings

ALERT = Alert(
    id="1-7-opened",
    event=Event.OPENED,
    rule=Rule.OUT_OF_FOCUS,
    episode=7,
    text="4 of the last 6 images are out of focus: sections 112 to 115 \U0001f52c.",
    since="2027-01-15T08:00:00.000Z",
    provisional=True,
    facts={"found": 4, "of": 6, "sections": [112, 113, 114, 115]},
    images=("S_112.tif", "a\x1b[2J\n\\udcff.tif"),
    root="/data/wafer 7",
    host="sem",
)


def hang(handler: Any) -> None:
    handler.server.released.wait()


def drip(handler: Any) -> None:
    """A byte now and then, for ever: no single wait is long."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nX: ")
    while not handler.server.released.wait(0.02):
        handler.wfile.write(b"x")


def close(handler: Any) -> None:
    handler.connection.shutdown(socket.SHUT_RDWR)


def gush(status: int) -> Callable[[Any], None]:
    def do(handler: Any) -> None:
        answer(status)(handler)
        for _ in range(64):
            handler.wfile.write(b"x" * 65536)

    return do


def webhook(server: Receiver, *, scheme: str = "http", timeout_s: float = 60.0) -> Webhook:
    url = f"{scheme}://127.0.0.1:{server.server_port}/{SECRET}?q={SECRET}"
    return Webhook(url, headers={"Authorization": f"Bearer {SECRET}-2"}, timeout_s=timeout_s)


PROGRAMS = {
    "takes": "import sys, pathlib; pathlib.Path(sys.argv[1]).write_bytes(sys.stdin.buffer.read())",
    "fails": "import sys; print('one'); print('the stage is locked', file=sys.stderr); sys.exit(3)",
    "hangs": "import time; print('asking', flush=True)\nwhile True: time.sleep(60)",
    "says_a_lot": "import sys\nfor _ in range(64): sys.stdout.write('x' * 65535 + '\\n')\nprint('done')",
    "fails_and_says_a_lot": "import sys\nfor _ in range(64): sys.stdout.write('x' * 65535 + '\\n')\nsys.exit('full')",
}
ANSWERS: dict[str, Callable[[Any], None]] = {
    "takes": answer(200),
    "fails": answer(500),
    "hangs": hang,
    "says_a_lot": gush(200),
    "fails_and_says_a_lot": gush(500),
}


@pytest.fixture(params=["webhook", "command"])
def sink(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[str], tuple[Sink, Callable[[], bytes]]]]:
    """Makes a sink whose receiver behaves so; with it comes what the receiver got."""
    with ExitStack() as stack:

        def make(behaviour: str) -> tuple[Sink, Callable[[], bytes]]:
            timeout = 0.5 if behaviour == "hangs" else 60.0
            if request.param == "webhook":
                if behaviour == "not_there":
                    with receiver(answer(200)) as gone:
                        pass
                    return webhook(gone), lambda: b""
                server = stack.enter_context(receiver(ANSWERS[behaviour]))
                return webhook(server, timeout_s=timeout), lambda: server.got[0][2]
            got = tmp_path / "got.json"
            argv = [str(tmp_path / "none")] if behaviour == "not_there" else [sys.executable, "-c"]
            return Command([*argv, PROGRAMS.get(behaviour, ""), str(got)], timeout_s=timeout), got.read_bytes

        yield make


Make = Callable[[str], tuple[Sink, Callable[[], bytes]]]


def test_the_receiver_gets_the_message(sink: Make) -> None:
    to, got = sink("takes")
    assert to.send(ALERT)
    assert Alert.model_validate_json(got()) == ALERT


def test_a_sink_may_be_used_again(sink: Make) -> None:
    to, _ = sink("takes")
    assert to.send(ALERT) is not None
    assert to.send(ALERT) is not None


@pytest.mark.parametrize("behaviour", ["fails", "hangs", "not_there", "fails_and_says_a_lot"])
def test_what_is_not_taken_has_failed_in_words(sink: Make, behaviour: str) -> None:
    to, _ = sink(behaviour)
    with pytest.raises(SinkFailed) as caught:
        to.send(ALERT)
    assert 0 < len(str(caught.value)) < 400
    assert str(caught.value).isprintable()
    assert SECRET not in str(caught.value) + to.name
    assert caught.value.retry_after_s == 0


def test_megabytes_are_no_reason_to_fail(sink: Make) -> None:
    to, _ = sink("says_a_lot")
    assert len(to.send(ALERT)) < 400


# -- webhook


def test_a_post_is_json_with_its_id_and_our_headers() -> None:
    with receiver(answer(204)) as server:
        assert webhook(server).send(ALERT).startswith("204 No Content after ")
    ((path, headers, body),) = server.got
    assert path == f"/{SECRET}?q={SECRET}"
    assert json.loads(body)["schema_version"] == 4
    assert headers["Content-Type"] == "application/json"
    assert headers["Idempotency-Key"] == ALERT.id
    assert headers["Authorization"] == f"Bearer {SECRET}-2"
    assert headers["User-Agent"].startswith("mhfd/")


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_not_followed(status: int) -> None:
    with receiver(answer(200)) as other, receiver(answer(200)) as server:
        server.do = answer(status, Location=f"http://127.0.0.1:{other.server_port}/{SECRET}")
        with pytest.raises(SinkFailed, match="leads elsewhere, which is not followed") as caught:
            webhook(server).send(ALERT)
    assert not other.got
    assert len(server.got) == 1
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    ("asked", "wait"),
    [("30", 30.0), ("999999", 3600.0), ("-1", 0.0), ("Wed, 21 Oct 2026 07:28:00 GMT", 0.0), ("", 0.0)],
)
def test_a_receiver_may_ask_for_a_rest(asked: str, wait: float) -> None:
    with receiver(answer(429, Retry_After=asked)) as server, pytest.raises(SinkFailed, match="429") as caught:
        webhook(server).send(ALERT)
    assert caught.value.retry_after_s == wait


@pytest.mark.parametrize(
    ("do", "timeout_s", "words"),
    [
        (close, 60.0, "RemoteDisconnected|reset"),
        (drip, 0.3, "no answer within 0.3 s"),
        (hang, 0.3, "no answer within 0.3 s"),
    ],
)
def test_an_answer_that_never_comes(do: Callable[[Any], None], timeout_s: float, words: str) -> None:
    with receiver(do) as server, pytest.raises(SinkFailed, match=words):
        webhook(server, timeout_s=timeout_s).send(ALERT)


def test_an_answer_that_comes_before_all_is_sent_is_heard() -> None:
    """A receiver that wants no more of it hangs up at once; what it said is the reason, not that it hung up."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def refuse() -> None:
            connection, _ = listening.accept()
            with connection:
                connection.recv(1)
                connection.sendall(b"HTTP/1.1 413 too much\r\nContent-Length: 0\r\n\r\n")

        thread = threading.Thread(target=refuse)
        thread.start()
        to = Webhook(f"http://127.0.0.1:{listening.getsockname()[1]}/{SECRET}", headers={}, timeout_s=60.0)
        with pytest.raises(SinkFailed, match=r"^413 too much$"):
            to.send(ALERT.model_copy(update={"images": ("x" * 10_000_000,)}))
        thread.join()


def test_an_answer_that_repeats_a_secret_is_cleaned() -> None:
    def tell(handler: Any) -> None:
        handler.wfile.write(f"HTTP/1.1 400 no Bearer {SECRET}-2 at /{SECRET}?q={SECRET}\r\n\r\n".encode())

    with receiver(tell) as server, pytest.raises(SinkFailed) as caught:
        webhook(server).send(ALERT)
    assert str(caught.value) == "400 no *** at ***"


def test_certificates_are_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    with receiver(answer(200), tls=True) as server:
        with pytest.raises(SinkFailed, match="certificate is not valid"):
            webhook(server, scheme="https").send(ALERT)
        assert not server.got
        monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE))
        assert webhook(server, scheme="https").send(ALERT).startswith("200")


def test_plain_http_reaches_the_own_network_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a name leads to, it is the address in the end that counts."""
    with receiver(answer(200)) as server:
        to = Webhook(f"http://localhost:{server.server_port}/{SECRET}", headers={}, timeout_s=60.0)
        monkeypatch.setattr(socket.socket, "getpeername", lambda _: ("93.184.216.34", 80))
        with pytest.raises(SinkFailed, match=r"localhost is not of this network \(93\.184\.216\.34\): use https"):
            to.send(ALERT)
        monkeypatch.undo()
        assert not server.got
        assert to.send(ALERT).startswith("200")


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("ftp://example.org/x", "is no address"),
        ("example.org/x", "is no address"),
        ("https://", "is no address"),
        ("https://example.org:99999/x", "is no address"),
        ("https://[::1/x", "is no address"),
        (f"https://me:{SECRET}@example.org/x", "put user and password into alerts.webhook_headers"),
        (f"https://example.org/{SECRET} x", "holds a blank"),
        (f"https://example.org/{SECRET}\r\nX: 1", "holds a blank"),
        (f"http://93.184.216.34/{SECRET}", "is not of this network: use https"),
        (f"http://[2606:2800:220:1::1]/{SECRET}", "is not of this network: use https"),
    ],
)
def test_addresses_that_are_refused(url: str, words: str) -> None:
    with pytest.raises(SettingsError, match=r"^alerts\.webhook: ") as caught:
        Webhook(url, headers={}, timeout_s=1.0)
    assert words in str(caught.value)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    "url", ["https://example.org", "http://10.0.0.3/x", "http://[::1]:8080/x", "http://192.168.1.9", "http://pager/x"]
)
def test_addresses_that_may_be(url: str) -> None:
    assert Webhook(url, headers={}, timeout_s=1.0).name.startswith("webhook ")


# -- command


def test_a_command_finds_the_message_in_its_environment() -> None:
    code = "import os; print(*(os.environ['MHFD_ALERT_' + n] for n in ('EVENT', 'RULE', 'TEXT', 'JSON')), sep=chr(124))"
    said = Command([sys.executable, "-c", code + "; print(len(os.environ['MHFD_ALERT_JSON']))"], timeout_s=60).send(
        ALERT
    )
    assert said == f"exit code 0: {len(ALERT.model_dump_json())}"
    assert (
        Command([sys.executable, "-c", code], timeout_s=60)
        .send(ALERT)
        .startswith("exit code 0: opened|out_of_focus|4 of the last 6 images are out of focus: sections 112 to 115")
    )


def test_a_command_is_no_shell(tmp_path: Path) -> None:
    argv = [sys.executable, "-c", "import sys; print(sys.argv[1])", f"$(touch {tmp_path}/x); echo hi > {tmp_path}/y"]
    assert Command(argv, timeout_s=60).send(ALERT).endswith(f"hi > {tmp_path}/y")
    assert not list(tmp_path.iterdir())


def test_a_failing_command_says_why() -> None:
    with pytest.raises(SinkFailed, match=r"^exit code 3: (one|the stage is locked)$"):
        Command([sys.executable, "-c", PROGRAMS["fails"]], timeout_s=60).send(ALERT)
    code = "import os, signal; os.kill(os.getpid(), signal.SIGTERM)"
    with pytest.raises(SinkFailed, match=r"^ended by signal 15$"):
        Command([sys.executable, "-c", code], timeout_s=60).send(ALERT)


def test_a_command_that_cannot_be_started_is_named(tmp_path: Path) -> None:
    plain = tmp_path / "plain.txt"
    plain.write_text("no program")
    with pytest.raises(SinkFailed, match=r"plain\.txt cannot be started: Permission denied"):
        Command([str(plain)], timeout_s=60).send(ALERT)


def test_what_a_hanging_command_started_is_ended_with_it(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    code = 'sh -c "echo up; exec sleep 600" >"$1" & sleep 600'
    said, timeout_s = b"", 0.25
    try:
        while not said:  # a busy machine had no time to start it: it gets more
            timeout_s *= 2
            assert timeout_s < 300, "it is never started"
            with pytest.raises(SinkFailed, match="had not ended after"):
                Command(["sh", "-c", code, "sh", str(pipe)], timeout_s=timeout_s).send(ALERT)
            os.set_blocking(reader, True)
            said = os.read(reader, 10)
        assert said == b"up\n"
        assert os.read(reader, 10) == b""  # nobody holds the other end any more
    finally:
        os.close(reader)


def test_what_a_command_leaves_in_the_background_holds_up_nobody(tmp_path: Path) -> None:
    code = "import subprocess, sys; print(subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']).pid)"
    said = Command([sys.executable, "-c", code], timeout_s=60).send(ALERT)
    os.kill(int(said.rpartition(" ")[2]), 9)  # it is there


# -- from settings to sinks


def test_nobody_is_told_by_default() -> None:
    assert build(AlertSettings(), env={}) == []


def test_secrets_come_from_the_environment() -> None:
    settings = AlertSettings(
        webhook=SecretStr("http://127.0.0.1:${PORT}/${TOKEN}"),
        webhook_headers=(SecretStr("Authorization: Bearer ${TOKEN}"),),
        command=("stop", "--now"),
    )
    with receiver(answer(200)) as server:
        hook, command = build(settings, env={"PORT": str(server.server_port), "TOKEN": SECRET})
        hook.send(ALERT)
    ((path, headers, _),) = server.got
    assert (path, headers["Authorization"]) == (f"/{SECRET}", f"Bearer {SECRET}")
    assert (hook.name, command.name) == (f"webhook 127.0.0.1:{server.server_port}", "command stop")


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"webhook": "https://x.org/${TOKEN}"}, "alerts.webhook: the environment variable TOKEN is not set"),
        ({"webhook_headers": ["A: ${TOKEN}"]}, "set both or neither"),
        ({"webhook": "https://x.org", "webhook_headers": ["A ${TOKEN}"]}, "write each as `Name: ${VARIABLE}`"),
        ({"webhook": "https://x.org", "webhook_headers": [f"A: {SECRET}"]}, "must come from the environment"),
        ({"webhook": "https://x.org", "webhook_headers": ["A: ${NEWLINE}"]}, "A: its value holds a character"),
        ({"webhook": "https://x.org", "webhook_headers": ["content-type: ${OK}"]}, "content-type is set by mhfd"),
    ],
)
def test_settings_that_are_refused(values: dict[str, Any], words: str) -> None:
    with pytest.raises(SettingsError) as caught:
        build(AlertSettings.model_validate(values), env={"NEWLINE": f"{SECRET}\r\nX: 1", "OK": "1"})
    assert words in str(caught.value)
    assert SECRET not in str(caught.value)


def test_settings_do_not_show_a_secret() -> None:
    settings = AlertSettings(webhook=SecretStr(f"https://x.org/{SECRET}"), webhook_headers=(SecretStr(f"A: {SECRET}"),))
    assert SECRET not in f"{settings!r} {settings.model_dump(mode='json')} {settings.webhook}"
