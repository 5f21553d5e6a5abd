"""Mail goes out by a real SMTP server: it is set up, tried, and tells of files; its password is shown to nobody."""

import datetime as dt
import ipaddress
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from services.console.commands.parser import parser
from services.console.commands.settings.mail import said as run
from services.console.exports.telling import AGAIN_MS
from services.console.use.administration.mailing import MailServerWanted
from services.console.use.problems import Problem, Refused
from services.console.use.standing.records import Filter
from shared.io.net.mail import make_post
from shared.settings import Settings
from shared.wire import topics
from tests.console.web.client import ConsoleClient
from tests.console.web.test_roles import client_as
from tests.mail_server import PASSWORD, MailServer, mail_server
from tests.services.console.files import POST, exporter_of
from tests.services.console.harness import ConsoleHarness, caller_of, is_problem, linked


@pytest.fixture(name="certificate", scope="module")
def _certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Offer a certificate of 127.0.0.1 that vouches for itself, and its key."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    now, day = dt.datetime.now(dt.UTC), dt.timedelta(days=1)
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(1).not_valid_before(now - day).not_valid_after(now + day)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    folder = tmp_path_factory.mktemp("certificate")
    paths = folder / "certificate.pem", folder / "key.pem"
    paths[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return paths


@pytest.fixture(name="server")
def _server() -> Iterator[MailServer]:
    with mail_server() as server:
        yield server


def wanted(server: MailServer, **changes: Any) -> dict[str, Any]:
    return {
        "host": "127.0.0.1", "port": server.port, "security": "none", "sender": "Syncline <syncline@x.example>",
        "console_url": "https://console.example/", **changes,
    }  # fmt: skip


def set_up(console: ConsoleHarness, server: MailServer, **changes: Any) -> None:
    console.access.mailing.post = POST
    console.access.mailing.change(MailServerWanted.model_validate(wanted(server, **changes)))


def test_the_page_sets_the_server_up_and_tries_it(console: ConsoleHarness, server: MailServer) -> None:
    admin = client_as(console, "admin")
    page = admin.open("/settings/mail")
    form = page.form("/settings/mail")
    assert form.fields["console_url"] == console.address, "as whoever sets it up has called it"
    answer = admin.send(form, host="127.0.0.1", port=str(server.port), security="none", sender="syncline@x.example")
    assert answer.headers["Location"].startswith("/settings/mail?done=changed")
    page = admin.open("/settings/mail")
    assert page.form("/settings/mail/test").fields["to"] == "ann@x.example"
    answer = admin.send(page.form("/settings/mail/test"))
    assert answer.headers["Location"].startswith("/settings/mail?done=tested")
    (mail,) = server.mails
    assert (mail["To"], mail["From"], mail["Subject"]) == (
        "ann@x.example", "syncline@x.example", "Mail from Syncline works",
    )  # fmt: skip
    assert mail["Auto-Submitted"] == "auto-generated"
    server.refuses = "554 not from you"
    refused = admin.send(page.form("/settings/mail/test"))
    assert (refused.status_code, "127.0.0.1 answered 554 not from you." in refused.text) == (422, True)
    assert admin.send(page.form("/settings/mail/test"), to="nobody").status_code == 422
    assert admin.send(page.form("/settings/mail"), port="many").status_code == 422
    admin.send(page.form("/settings/mail/remove"))
    assert console.access.mailing.server is None
    told = [row.message.what for row in console.stored(topics.ACTIVITY) if row.message is not None]
    assert told[-2:] == ["mail.changed", "mail.removed"]


@pytest.mark.parametrize("kind", ["starttls", "tls"])
def test_a_password_goes_over_tls_to_whom_it_was_meant_for(
    console: ConsoleHarness, kind: str, certificate: tuple[Path, Path]
) -> None:
    post = make_post(Settings(allow_private_addresses=("127.0.0.1",), http_ca_file=certificate[0]))
    with mail_server(kind, certificate) as server:
        given = wanted(server, security=kind, user="syncline", password=PASSWORD)
        console.access.mailing.post = post
        row = console.call("PUT", "mail-server", json=given).json()
        assert (row["has_password"], "password" in row) == (True, False)
        assert console.call("POST", "mail-server/test", json={"to": "eve@x.example"}).status_code == 204
        assert [mail["To"] for mail in server.mails] == ["eve@x.example"]
        assert (server.over_tls, server.signed_in) == ([True], [True])
        again = {**given, "sender": "other@x.example", "password": ""}
        assert console.call("PUT", "mail-server", json=again).json()["has_password"], "it stays where it is not named"
        for other in ({"host": "localhost"}, {"user": "eve"}, {"port": server.port + 1}):
            answer = console.call("PUT", "mail-server", json={**again, **other})
            assert answer.status_code == 422, "another one gets no password that was not meant for it"
            assert "password" in answer.json()["fields"]
        console.call("PUT", "mail-server", json={**given, "password": "wrong"})
        assert "127.0.0.1 answered 535" in is_problem(
            console.call("POST", "mail-server/test", json={"to": "eve@x.example"}), 409
        )
        console.access.mailing.post = POST
        console.call("PUT", "mail-server", json=given)
        refused = is_problem(console.call("POST", "mail-server/test", json={"to": "eve@x.example"}), 409)
        assert "certificate verify failed" in refused, "whom nobody vouches for gets no password"
        assert len(server.mails) == 1
    raw = b"".join(row.raw or b"" for topic in (topics.ACCESS, topics.ACTIVITY) for row in console.stored(topic))
    assert PASSWORD.encode() not in raw, "it is kept sealed, and not told of"
    assert PASSWORD not in client_as(console, "admin").ask("/settings/mail").text


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"host": "a b"}, "host"),
        ({"host": ""}, "host"),
        ({"sender": "nobody"}, "sender"),
        ({"sender": "Ann\r\nBcc: eve@x.example <ann@x.example>"}, "sender"),
        ({"console_url": "javascript:alert(1)"}, "console_url"),
        ({"user": "ann", "password": "x"}, "security"),
    ],
)
def test_what_cannot_be_right_is_refused_at_its_field(
    console: ConsoleHarness, changes: dict[str, str], name: str
) -> None:
    with pytest.raises(Refused) as caught:
        set_up(console, MailServer(port=25), **changes)
    assert list(caught.value.fields) == [name]


def test_no_server_in_our_own_network_is_asked(console: ConsoleHarness, server: MailServer) -> None:
    set_up(console, server)
    console.access.mailing.post = make_post(Settings())
    with pytest.raises(Problem, match="does not lead to a public address"):
        console.access.mailing.test("ann@x.example")
    assert server.mails == []


def ask(console: ConsoleHarness, email: str = "ann@x.example") -> str:
    by = caller_of(console.person("viewer", email))
    return str(console.installation.exports.ask(by, Filter(q="=1\n+2"), "csv", mail=True)["id"])


def test_a_file_is_told_of_by_mail_once(console: ConsoleHarness, server: MailServer) -> None:
    """With a link that opens for those alone who sign in."""
    set_up(console, server)
    console.show(linked("a"))
    person = client_as(console, "viewer")
    form = person.open("/records?status=in_sync").form("/exports")
    name = person.send(form, format="xlsx", mail="on").headers["Location"].split("show=")[1].split("&")[0]
    for _ in range(3):
        console.make_files()
    (mail,) = server.mails
    assert mail["To"] == "ann@x.example"
    assert mail["Subject"] == "Your export is ready: Records: in sync"
    link = f"https://console.example/exports?show={name}"
    assert link in mail.get_content()
    assert "1 records, Excel (XLSX)" in mail.get_content()
    assert console.get(f"exports/{name}")["mail"] == "sent"
    assert "Told by mail." in person.open("/exports").words
    anonymous = ConsoleClient(console.address).ask(link.removeprefix("https://console.example"))
    assert (anonymous.status_code, anonymous.headers["Location"].startswith("/sign-in?next=")) == (303, True)


def test_two_consoles_send_one_mail_and_try_again_what_was_not_taken(
    console: ConsoleHarness, server: MailServer
) -> None:
    set_up(console, server)
    server.refuses = "451 try again later"
    name, once = ask(console), console.access.accounts.once
    makers = [exporter_of(console.installation, console.access.mailing, once, part) for part in ("one", "two")]

    def look() -> Any:
        for maker in makers:
            maker.look()
        return console.installation.exports.known.get(name)

    for attempt, wait in enumerate(AGAIN_MS, 1):
        look()
        row = look()
        assert (row.mail.attempt, row.mail.error) == (attempt, "127.0.0.1 answered 451 try again later")
        console.env.clock.advance(wait - 1)
        assert look().mail.attempt == attempt
        console.env.clock.advance(1)
    assert "Not told by mail: 127.0.0.1 answered 451" in client_as(console, "viewer").open("/exports").words
    server.refuses = ""
    assert look().mail.error == ""
    console.env.clock.advance(AGAIN_MS[-1])
    look()
    assert [mail["To"] for mail in server.mails] == ["ann@x.example"]


@pytest.mark.parametrize("away", ["server", "user"])
def test_who_cannot_be_told_gets_no_mail(console: ConsoleHarness, server: MailServer, away: str) -> None:
    set_up(console, server)
    name = ask(console)
    if away == "server":
        console.access.mailing.remove()
    else:
        console.access.accounts.change(console.person("viewer").id, disabled=True)
    console.make_files()
    console.make_files()
    expected = {"server": "no mail server is set up", "user": "the user is there no more"}[away]
    assert console.get(f"exports/{name}")["mail"] == expected
    assert server.mails == []


def test_who_is_no_user_has_no_address(console: ConsoleHarness) -> None:
    assert "has no address" in is_problem(console.call("POST", "exports", json={"mail": True}), 422)


# The command


def test_the_command_shows_sets_tries_and_removes_it(
    console: ConsoleHarness, server: MailServer, tmp_path: Path
) -> None:
    mailing, file = console.access.mailing, tmp_path / "mail.yaml"
    file.write_text(yaml.safe_dump(wanted(server)))

    def said(*words: str) -> str:
        return "\n".join(row.text for row in run(mailing, parser().parse_args(["mail", *words])))

    with pytest.raises(Problem, match="No mail is sent"):
        said()
    assert said("set", str(file)) == "mail is sent by 127.0.0.1"
    assert yaml.safe_load(said("show")) == {**wanted(server), "console_url": "https://console.example"}
    assert said("test", "ann@x.example") == "the server took a test mail to ann@x.example"
    assert len(server.mails) == 1
    assert said("remove") == "no mail is sent any more"
    file.write_text("host: [")
    with pytest.raises(Problem):
        said("set", str(file))
