"""A person's agreement: the proof that it is theirs counts once, and for ten minutes."""

import base64
import hashlib
import threading
from urllib.parse import urlsplit

import pytest
import requests

from services.console.commands.settings.listener import Listener
from services.console.setups import consent
from services.console.setups.consent import LIFE_S, Consent, ConsentError, NotOurs
from shared.apps import APPS

BACK = "http://127.0.0.1:9/back"


class Time:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.at = 100.0

    def __call__(self) -> float:
        return self.at


def ask(now: Time | None = None, *, pkce: bool = True, redirect: str = BACK) -> Consent:
    scopes = consent.scopes_for(APPS["hubspot"], ["contact"])
    return Consent("client", redirect, scopes, pkce=pkce, now=now or Time())


def back(question: Consent, **query: str) -> str:
    rows = {"state": question.asked().state, "code": "abc", **query}
    return f"{question.redirect_uri}?" + "&".join(f"{name}={value}" for name, value in rows.items() if value)


def test_an_answer_is_taken_once() -> None:
    question = ask()
    assert question.answer(back(question)).code == "abc"
    with pytest.raises(ConsentError, match="taken already"):
        question.answer(back(question))


def test_the_answer_to_another_question_is_not_ours() -> None:
    question, other = ask(), ask()
    for address in (back(other), "", "abc", f"{BACK}?code=abc", back(question, state="x")):
        with pytest.raises(NotOurs):
            question.answer(address)
    assert question.answer(back(question)).code == "abc", "a wrong one does not use the right one up"


def test_an_answer_counts_for_ten_minutes() -> None:
    now = Time()
    question, late = ask(now), ask(now)
    now.at += LIFE_S - 1
    assert question.answer(back(question)).code == "abc"
    now.at += 1
    with pytest.raises(ConsentError, match="ten minutes"):
        late.answer(back(late))


def test_a_refusal_is_told_in_the_apps_words() -> None:
    question = ask()
    with pytest.raises(ConsentError, match="not connected: The person did not agree"):
        question.answer(back(question, code="", error="access_denied", error_description="The+person+did+not+agree"))


def test_a_challenge_hides_its_verifier() -> None:
    question = ask()
    verifier = question.answer(back(question)).verifier
    digest = hashlib.sha256(verifier.encode()).digest()
    assert question.asked().challenge == base64.urlsafe_b64encode(digest).decode().rstrip("=")
    assert len(verifier) >= 43
    assert verifier not in repr(question)
    plain = ask(pkce=False)
    assert plain.asked().challenge == plain.answer(back(plain)).verifier == ""


def test_the_scopes_of_one_object_are_asked_for() -> None:
    scopes = consent.scopes_for(APPS["hubspot"], ["contact"])
    names = [scope.name for scope in scopes]
    assert "crm.objects.contacts.read" in names
    assert not any("companies" in name for name in names)
    assert "crm.objects.companies.read" in [scope.name for scope in consent.scopes_for(APPS["hubspot"], [])]


def test_what_was_not_granted_is_needed_or_not() -> None:
    scopes = consent.scopes_for(APPS["hubspot"], ["contact"])
    every = frozenset(scope.name for scope in scopes)
    assert consent.missing(scopes, every) == ([], [])
    needed, liked = consent.missing(scopes, every - {"crm.objects.contacts.read", "crm.objects.contacts.write"})
    assert ([x.name for x in needed], [x.name for x in liked]) == (
        ["crm.objects.contacts.read"], ["crm.objects.contacts.write"],
    )  # fmt: skip


def test_a_sync_that_only_reads_needs_no_scope_to_write() -> None:
    granted = ["oauth", "crm.objects.contacts.read", "crm.schemas.contacts.read"]
    app = APPS["hubspot"]
    assert consent.lacking_for(app, "contact", granted, writes=False) == []
    assert {x.name for x in consent.lacking_for(app, "contact", granted, writes=True)} == {
        "crm.objects.contacts.write", "crm.schemas.contacts.write",
    }  # fmt: skip


def test_the_listener_waits_for_its_own_answer() -> None:
    """Other paths and other answers are refused, and whoever asks for them ends nothing."""
    question = ask(redirect="http://127.0.0.1:0/back")
    with Listener(question) as listener:
        url = f"http://127.0.0.1:{listener.server_port}"
        found: list[object] = []
        thread = threading.Thread(target=lambda: found.append(listener.wait()))
        thread.start()
        with requests.Session() as session:
            session.trust_env = False
            assert session.get(f"{url}/favicon.ico", timeout=5).status_code == 404
            assert session.get(f"{url}/back?code=x&state=y", timeout=5).status_code == 400
            reply = session.get(f"{url}/back?{urlsplit(back(question)).query}", timeout=5)
        thread.join(5)
    assert reply.status_code == 200
    assert "abc" not in reply.text
    assert getattr(found[0], "code", "") == "abc"


def test_the_listener_gives_up_after_ten_minutes() -> None:
    now = Time()
    question = ask(now, redirect="http://127.0.0.1:0/back")
    now.at += LIFE_S
    with Listener(question) as listener, pytest.raises(ConsentError, match="nobody agreed"):
        listener.wait()
