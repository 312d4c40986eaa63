"""What the command line can say about the crew."""

from __future__ import annotations

from .grammar import Argument, Command, Group, Option

CREW = Group(
    "crew",
    "The crew: who works on what, what waits and why, what is locked or voted on.",
    (
        Command(
            "show",
            "Agents with their load, what waits and why, groups, locks, sagas, proposals.",
            "crew:show",
            examples=("quarterdeck crew", "quarterdeck crew --json"),
        ),
        Command(
            "vote",
            "Cast a person's vote on a proposal.",
            "crew:vote",
            (
                Argument("PROPOSAL", "a proposal's id, its beginning or its end"),
                Argument("CHOICE", "approve, reject or abstain"),
            ),
            (Option("--reason", "why", metavar="TEXT"),),
            ("quarterdeck crew vote 01M7YZ approve --reason 'the tests pass'",),
        ),
        Command(
            "release-lock",
            "Take a lock from its holder; the next one that waits has it.",
            "crew:release_lock",
            (Argument("RESOURCE", "what is locked"),),
            notes="The former holder's token is void: what it still does under it is refused.",
        ),
        Command(
            "resume-saga",
            "Try again to undo what a saga could not undo.",
            "crew:resume_saga",
            (Argument("SAGA", "a saga's id, its beginning or its end"),),
        ),
    ),
    alone="show",
)
