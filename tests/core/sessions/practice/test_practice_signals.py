"""Titles and status reports, byte for byte."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quarterdeck.core.sessions.practice.signals import Announcer, report, set_title
from quarterdeck.core.sessions.practice.spending import Spending
from quarterdeck.core.sessions.practice.turns import Focus, Limit, Permission, Question

QUESTION = Question("Which colour?", ("Red", "Blue"))


def test_a_title() -> None:
    assert set_title("Approver - ready") == "\x1b]0;Approver - ready\x1b\\"


def test_a_report_carries_its_message_in_base64() -> None:
    assert report("idle") == "\x1b]7501;state=idle\x1b\\"
    assert (
        report("blocked", kind="question", msg="Which colour?")
        == "\x1b]7501;state=blocked:kind=question:msg=V2hpY2ggY29sb3VyPw==\x1b\\"
    )


@given(st.text(max_size=500))
def test_no_message_can_end_its_report(text: str) -> None:
    sequence = report("working", progress=40, msg=text.encode(errors="replace").decode())
    assert re.fullmatch(r"\x1b\]7501;state=working:progress=40:msg=[A-Za-z0-9+/=]*\x1b\\", sequence)


@pytest.mark.parametrize("role", ["approver", "flooder"])
def test_titled_roles_report_nothing(role: str) -> None:
    announcer = Announcer(role)
    name = role.capitalize()
    done = announcer.done(Spending())
    assert announcer.start() == announcer.idle() == done == set_title(f"{name} - ready")
    assert announcer.working(Focus("reading", 5)) == set_title(f"{name} - working")
    assert announcer.blocked(Permission("make")) == set_title(f"{name} - waiting")
    assert announcer.limited(Limit("no more")) == set_title(f"{name} - limited")


@pytest.mark.parametrize("role", ["worker", "asker", "crasher", "limited"])
def test_the_others_report_and_keep_one_title(role: str) -> None:
    announcer = Announcer(role)
    assert announcer.start() == set_title(role.capitalize()) + report("idle")
    assert announcer.idle() == report("idle")
    spending = Spending()
    spending.turn()
    spending.step()
    spending.said("well done")
    assert announcer.done(spending) == report("done", cost="0.029080", tokens=2908)
    assert announcer.working(Focus("reading", 5)) == report("working", progress=5, msg="reading")
    assert announcer.blocked(QUESTION) == report("blocked", kind="question", msg="Which colour?")
    assert announcer.blocked(Permission("make")) == report("blocked", kind="permission", msg="make")
    assert announcer.limited(Limit("no more")) == report("error", msg="no more")
