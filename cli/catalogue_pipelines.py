"""What the command line can say about pipelines."""

from __future__ import annotations

from .grammar import Argument, Command, Group, Option

PIPELINE = Group(
    "pipeline",
    "Pipelines: events that propel payloads to handlers.",
    (
        Command(
            "check",
            "Name file, line, column and key of every fault in a pipeline's file.",
            "pipelines:check",
            (Argument("FILE", "a pipeline's file, in YAML or JSON"),),
            examples=("quarterdeck pipeline check examples/debate.yaml",),
        ),
        Command(
            "hook",
            "Let a hook of a git repository propel payloads: install, remove.",
            "hooking:hook",
            (
                Argument("ACTION", "install, remove, or fire as the hook's script does"),
                Argument("PIPELINE", "a pipeline's name"),
                Argument("EVENT", "the event type of the payloads"),
                Argument("ARGUMENT", "what git gives the hook", required=False, many=True),
            ),
            (
                Option("--repo", "the repository (here)", metavar="DIR"),
                Option("--hook", "which hook", default="post-commit", metavar="HOOK"),
            ),
            (
                "quarterdeck pipeline hook install lint committed",
                "quarterdeck pipeline hook remove lint committed --repo ~/shop --hook post-merge",
            ),
            notes="A hook that is there already is kept, and runs before. Without a running engine the hook "
            "says so, and git goes on.",
        ),
    ),
)
