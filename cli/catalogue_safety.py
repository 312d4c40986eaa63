"""What the command line can say about safety and budgets."""

from __future__ import annotations

from .grammar import FLAG, Argument, Command, Group, Option

SAFETY = Command(
    "safety",
    "What holds work back: the halt, rules, violations, breakers, limits.",
    "safety:safety",
    (
        Argument("ACTION", "halt, reset or reset-breaker; without one: show", required=False),
        Argument("WHAT", "why to halt, or a breaker's NAME", required=False, many=True),
    ),
    examples=(
        "quarterdeck safety",
        "quarterdeck safety halt 'the deploy key leaked'",
        "quarterdeck safety reset",
        "quarterdeck safety reset-breaker agent/claude",
    ),
    notes="While everything is halted nothing is begun: what runs goes on, and can be stopped; tasks and "
    "prompts wait. The rules are in the configuration, under [safety].",
)

BUDGET = Group(
    "budget",
    "Budgets: what may be spent, and what was.",
    (
        Command(
            "list",
            "The accounts that were used.",
            "safety:budgets",
            options=(Option("--asked", "only those that a person is asked about", FLAG),),
            examples=("quarterdeck budget list --json",),
        ),
        Command(
            "grant",
            "Allow more of one account; what waits for it goes on.",
            "safety:grant",
            (
                Argument("NAME", "the budget's name"),
                Argument("KEY", "the account's key, or the beginning of it"),
                Argument("MORE", "how much more, in the budget's unit"),
            ),
            examples=("quarterdeck budget grant nightly 2026-01-31 10",),
        ),
    ),
)
