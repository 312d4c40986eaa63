"""Worktrees in the dashboard: asked for in the form, shown over the screen, never dropped by one key."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.tui.crew import Crew
from tests.tui.hand import aboard
from tests.tui.test_create import created, form, submit

from quarterdeck.core.protocol import commands as c
from quarterdeck.core.protocol.workspace import WorkspaceState, WorkspaceView

WORKSPACE = WorkspaceView(
    repository="/home/me/shop",
    branch="qd/fix-login",
    base="main",
    commit="f" * 40,
    path="/state/worktrees/S/shop",
    state=WorkspaceState.READY,
)


def give_worktree(crew: Crew) -> str:
    """Let the first session have a worktree; its id."""
    first = next(iter(crew.sessions.values()))
    crew.sessions[first.id] = first.model_copy(update={"workspace": WORKSPACE})
    return first.id


async def test_the_form_asks_for_a_worktree_only_if_it_is_ticked(
    crew: Crew, tmp_path: Path
) -> None:
    async with aboard(crew, directory=str(tmp_path)) as hand:
        await hand.press("c")
        assert hand.shows("in a git worktree, on a branch of its own")
        form(hand).worktree.focus()
        await hand.settle()
        assert hand.shows("space worktree or not")
        assert "✓" not in next(line for line in hand.lines() if "in a git worktree" in line)
        await hand.press("space")
        assert "✓" in next(line for line in hand.lines() if "in a git worktree" in line)
        await submit(hand)
        await hand.press("c")
        await submit(hand)
        assert [one.worktree is not None for one in created(hand)] == [True, False]


async def test_a_directory_without_a_repository_is_said_at_its_field(
    crew: Crew, tmp_path: Path
) -> None:
    crew.refuse("session.create", "no_repository", "It lies in no git repository.")
    async with aboard(crew, directory=str(tmp_path)) as hand:
        await hand.press("c")
        await submit(hand)
        assert hand.shows("It lies in no git repository.")
        assert form(hand).directory.has_focus


async def test_the_deck_says_repository_and_branch(busy: Crew) -> None:
    give_worktree(busy)
    async with aboard(busy, (140, 30)) as hand:
        assert hand.shows(
            "fix-login · claude · /home/me/shop (worktree qd/fix-login) · needs approval"
        )
    async with aboard(busy, (116, 30)) as hand:
        assert hand.shows("fix-login · claude · …/shop (worktree qd/fix-login) · needs approval")


@pytest.mark.parametrize("code", ["worktree_dirty", "branch_unmerged"])
@pytest.mark.parametrize(
    ("key", "ways"), [("k", {"keep_worktree": True}), ("X", {"discard": True}), ("escape", None)]
)
async def test_work_in_a_worktree_asks_for_one_more_key(
    busy: Crew, code: str, key: str, ways: dict[str, bool] | None
) -> None:
    session_id = give_worktree(busy)
    busy.refuse("session.delete", code, "It has changes: a.txt.")
    async with aboard(busy) as hand:
        await hand.press("D")
        assert hand.shows("Its worktree goes with it")
        await hand.press("y")
        await hand.until(lambda: hand.screen is not hand.deck)
        assert hand.shows(
            "has work in its worktree", "It has changes: a.txt.", "X drop what is in it"
        )
        await hand.press("D", "y", "enter")  # those that led here mean nothing here
        assert len(hand.sent(c.DeleteSession)) == 1
        del busy.refusals["session.delete"]
        await hand.press(key)
        sent = [
            {"keep_worktree": True} if one.keep_worktree else {"discard": True}
            for one in hand.sent(c.DeleteSession)[1:]
        ]
        assert sent == ([] if ways is None else [ways])
        assert (session_id in busy.sessions) is (ways is None)


async def test_another_refusal_is_only_told(busy: Crew) -> None:
    give_worktree(busy)
    busy.refuse("session.delete", "git_failed", "git said no.")
    async with aboard(busy, toasts=True) as hand:
        await hand.press("D", "y")
        await hand.until(lambda: hand.shows("git said no."))
        assert hand.screen is hand.deck
