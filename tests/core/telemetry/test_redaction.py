"""No secret survives redaction, wherever it stands; ordinary words do."""

from __future__ import annotations

import json
import string
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quarterdeck.core.telemetry.redaction import HIDDEN, Redactor, is_secret_name

PLAIN = string.ascii_letters + string.digits


def chars(size: int, alphabet: str = PLAIN) -> st.SearchStrategy[str]:
    return st.text(alphabet, min_size=size, max_size=size + 20)


def prefixed(prefix: str, size: int, alphabet: str = PLAIN) -> st.SearchStrategy[str]:
    return chars(size, alphabet).map(lambda tail: prefix + tail)


KEYS = st.one_of(
    prefixed("sk-ant-api03-", 20, PLAIN + "_-"),
    prefixed("sk-", 20),
    prefixed("sk_live_", 16),
    prefixed("ghp_", 30),
    prefixed("github_pat_", 22),
    prefixed("glpat-", 20),
    prefixed("xoxb-", 12, string.digits),
    st.text(string.ascii_uppercase + string.digits, min_size=16, max_size=16).map("AKIA{}".format),
    prefixed("AIza", 32),
    prefixed("hf_", 24),
    prefixed("npm_", 24),
    prefixed("pypi-", 24),
    st.tuples(chars(10), chars(10), chars(10)).map(lambda p: f"eyJ{p[0]}.{p[1]}.{p[2]}"),
    chars(40).map(
        lambda body: f"-----BEGIN RSA PRIVATE KEY-----\n{body}\n-----END RSA PRIVATE KEY-----"
    ),
)
AROUND = st.text(string.ascii_lowercase + " \n:,;()[]'\"", max_size=20)


def body_of(secret: str) -> str:
    """The part of a key that must not be seen: all of it but what names its kind."""
    return secret.splitlines()[1] if "PRIVATE" in secret else secret[-8:]


@settings(deadline=None)
@given(KEYS, AROUND, AROUND)
def test_no_key_of_a_known_form_survives_in_a_text(key: str, before: str, after: str) -> None:
    text = Redactor().text(f"{before} {key} {after}")
    assert body_of(key) not in text.replace(before, "").replace(after, "")
    assert HIDDEN in text


@settings(deadline=None)
@given(KEYS)
def test_no_key_survives_in_an_error_as_people_write_them(key: str) -> None:
    redactor = Redactor()
    for form in (
        "401 for key {}",
        "curl -H 'Authorization: Bearer {}'",
        "https://x.test/?token={}&a=1",
        '{{"api_key": "{}"}}',
        "API_KEY={} not accepted",
        "postgres://user:{}@host/db",
    ):
        assert body_of(key) not in redactor.text(form.format(key))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("postgresql://anna:hunter2@db/x", f"postgresql://anna:{HIDDEN}@db/x"),
        ("password=hunter2 host=x", f"password={HIDDEN} host=x"),
        ("MY_TOKEN: abc123", f"MY_TOKEN: {HIDDEN}"),
        ("Authorization: Bearer abcdefgh12", f"Authorization: Bearer {HIDDEN}"),
    ],
)
def test_the_rest_of_the_text_stays(text: str, shown: str) -> None:
    assert Redactor().text(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "The session fix-login is running in /home/anna/shop.",
        "task-force risk-averse desk-bound ask-me-anything",
        "Tokens: 12 used; the token bucket has burst 20",
        "http://localhost:9090/metrics",
        "skip sk- gh eyJ",
    ],
)
def test_ordinary_words_stay(text: str) -> None:
    assert Redactor().text(text) == text


@settings(deadline=None)
@given(KEYS, AROUND)
def test_redacting_twice_changes_nothing_more(key: str, around: str) -> None:
    redactor = Redactor()
    once = redactor.text(f"{around} token={key} {key}")
    assert redactor.text(once) == once


@settings(deadline=None)
@given(st.text(min_size=6, max_size=30).filter(lambda s: s.strip()), AROUND)
def test_a_learnt_value_is_hidden_wherever_it_stands(secret: str, around: str) -> None:
    text = Redactor([secret]).text(f"{around}{secret}{around}{secret}")
    assert secret not in text or secret in HIDDEN


@pytest.mark.parametrize(
    "text",
    ["x" * 500_000, "eyJ-" * 30_000, "token" + " " * 100_000, "://a:b" * 50_000, "basic " * 50_000,
     "-----BEGIN A" * 20_000, "_token" * 50_000, "sk-" * 50_000],
    ids=lambda text: text[:8],
)  # fmt: skip
def test_a_long_text_costs_time_in_proportion(text: str) -> None:
    began = time.process_time()
    Redactor(["correct horse"]).text(text)
    assert time.process_time() - began < 5


def test_very_short_values_are_not_looked_for() -> None:
    assert Redactor(["on", "1"]).text("on 1 December") == "on 1 December"


def test_of_overlapping_values_the_longest_is_hidden_whole() -> None:
    redactor = Redactor(["abcdef"])
    redactor.learn(["abcdefghij"])
    assert redactor.text("abcdefghij abcdef") == f"{HIDDEN} {HIDDEN}"


def test_an_environment_teaches_the_values_of_its_secret_variables() -> None:
    redactor = Redactor()
    redactor.learn_environment({"DB_PASSWORD": "correct horse", "HOME": "/home/anna"})
    assert redactor.text("/home/anna correct horse") == f"/home/anna {HIDDEN}"


# Data

SECRET_NAMES = (
    "token", "access_token", "GITHUB_TOKEN", "secret", "client_secret", "password", "passwd",
    "passphrase", "api_key", "apiKey", "APIKEY", "Authorization", "authorisation", "credentials",
    "cookie", "set_cookie", "private_key", "AWS_ACCESS_KEY_ID", "auth", "gitlab_pat",
)  # fmt: skip


@pytest.mark.parametrize("name", SECRET_NAMES)
def test_names_that_tell(name: str) -> None:
    assert is_secret_name(name)


@pytest.mark.parametrize(
    "name",
    ["name", "tokens", "max_tokens", "output_tokens", "author", "path", "key", "keys", "pattern"],
)
def test_names_that_tell_nothing(name: str) -> None:
    assert not is_secret_name(name)


VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(string.ascii_lowercase, max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)


@settings(deadline=None)
@given(VALUES, st.sampled_from(SECRET_NAMES), st.text("0123456789abcdef", min_size=12, max_size=12))
def test_what_stands_under_a_telling_name_is_hidden_at_any_depth(
    around: Any, name: str, secret: str
) -> None:
    data = {"a": [around, {"b": {name: {"deep": [secret]}}}], name: secret}
    shown = Redactor().value(data)
    assert secret not in json.dumps(shown)
    assert shown[name] == HIDDEN


@settings(deadline=None)
@given(st.dictionaries(st.text(string.ascii_uppercase, min_size=1), st.text(min_size=1)))
def test_values_of_an_environment_are_hidden_and_its_names_stay(env: dict[str, str]) -> None:
    shown = Redactor().value({"env": env})["env"]
    assert all(value == HIDDEN for value in shown.values())
    assert len(shown) == len(env)


@settings(deadline=None)
@given(VALUES)
def test_the_result_is_plain_data(value: Any) -> None:
    json.dumps(Redactor().value({"x": value}))


def test_numbers_and_none_stay_and_other_objects_become_text() -> None:
    shown = Redactor().value({"n": 1, "f": 1.5, "z": None, "t": (1, {2}), "e": ValueError("no")})
    assert shown == {"n": 1, "f": 1.5, "z": None, "t": [1, [2]], "e": "no"}


def test_a_number_under_a_telling_name_is_hidden_and_nothing_stays_nothing() -> None:
    assert Redactor().value({"pin_token": 1234, "api_key": None, "tokens": 7}) == {
        "pin_token": HIDDEN,
        "api_key": None,
        "tokens": 7,
    }
