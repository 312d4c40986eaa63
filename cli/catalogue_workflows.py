"""What the command line can say about workflows."""

from __future__ import annotations

from .grammar import FLAG, STORES, WHOLE, Argument, Command, Group, Option

FILE = Argument("FILE", "a workflow's file, in YAML or JSON")
ID = Argument("ID", "a workflow's id, or the beginning of it", complete="workflow")
TASK = Argument("TASK", "a task's name")

RUN = Command(
    "run",
    "Run a workflow to its end, and show how it goes.",
    "running:run",
    (Argument("FILE", "a workflow's file, in YAML or JSON", required=False),),
    (
        Option("--input", "a value for the workflow", metavar="NAME=VALUE", many=True),
        Option(
            "--approve",
            "answer questions ahead: all, none, TASK=yes, TASK=CHOICE",
            metavar="ANSWER",
            many=True,
        ),
        *STORES,
        Option("--resume", "go on with a workflow", metavar="ID", complete="workflow"),
    ),
    (
        "quarterdeck run examples/feature.yaml --approve all",
        "quarterdeck run release.yaml --input version=1.2 --approve ship=yes --json",
        "quarterdeck run --resume 01M7",
    ),
    "It runs in the state directory's engine, if there is one, else in an engine of its own. Ctrl-C "
    "asks whether to pause, cancel or detach; without a terminal it pauses. Exit code 0: completed; "
    "1: failed or cancelled; 130: paused. With --json each event is one line.",
)

SCHEDULE = Command(
    "schedule",
    "Start workflows by the clock: list, add FILE, remove, enable, disable.",
    "scheduling:schedule",
    (
        Argument("ACTION", "list, add, remove, enable or disable", required=False),
        Argument("WHAT", "the FILE to add, or a schedule's name", required=False),
    ),
    (
        Option("--name", "what it is called (the file's name)", metavar="NAME"),
        Option("--cron", "when, instead of what the file says", metavar="EXPRESSION"),
        Option("--zone", "the time zone that is meant", metavar="ZONE"),
        Option("--catch-up", "what becomes of missed starts: none, one, all", metavar="HOW"),
        Option("--input", "a value for the workflow", metavar="NAME=VALUE", many=True),
    ),
    (
        "quarterdeck workflow schedule add examples/nightly.yaml --name nightly",
        "quarterdeck workflow schedule add report.yaml --cron '0 8 * * mon' --zone Europe/Vienna",
        "quarterdeck workflow schedule disable nightly",
    ),
)

WORKFLOW = Group(
    "workflow",
    "Workflows: tasks in the order in which they must run.",
    (
        Command(
            "check",
            "Name file, line, column and key of every fault in a workflow's file.",
            "workflows:check",
            (FILE,),
            examples=("quarterdeck workflow check examples/feature.yaml",),
        ),
        Command(
            "graph",
            "Draw the tasks of a workflow's file, or of a workflow with their states.",
            "workflows:graph",
            (Argument("FILE", "a workflow's file, or the id of one that was created"),),
            (
                Option("--format", "text, mermaid, dot or svg", default="text", metavar="FORMAT"),
                Option("--width", "of the text (the terminal's)", WHOLE, metavar="N", least=20),
                Option("--unfold", "show tasks that stand side by side one by one", FLAG),
            ),
            (
                "quarterdeck workflow graph examples/feature.yaml",
                "quarterdeck workflow graph examples/feature.yaml --format svg > feature.svg",
                "quarterdeck workflow graph 01M7YZ74",
            ),
        ),
        Command(
            "list",
            "Workflows, newest first.",
            "workflows:list_",
            options=(
                Option("--status", "only those in one of these", metavar="STATUS[,STATUS]"),
                Option("--name", "only those of this name", metavar="NAME"),
                Option("--limit", "at most so many", WHOLE, 100, metavar="N", least=1),
            ),
            examples=("quarterdeck workflow list --status running,paused",),
        ),
        Command(
            "show",
            "One workflow with its tasks, or one task in full.",
            "workflows:show",
            (ID, Argument("TASK", "a task's name", required=False)),
            (Option("--version", "as it was at that version", WHOLE, metavar="N", least=1),),
        ),
        Command("start", "Begin a workflow, or go on with a paused one.", "steering:start", (ID,)),
        Command(
            "pause",
            "Begin no more tasks of a workflow.",
            "steering:pause",
            (ID,),
            (Option("--interrupt", "stop what runs; it is begun again later", FLAG),),
        ),
        Command("resume", "Go on with exactly what is left.", "steering:resume", (ID,)),
        Command("cancel", "Stop a workflow; again: its final tasks, too.", "steering:cancel", (ID,)),
        Command("retry", "Begin anew from what failed.", "steering:retry", (ID,)),
        Command(
            "rerun", "Begin anew from one task and all behind it.", "steering:rerun", (ID, TASK)
        ),
        Command(
            "rollback",
            "Restore a former version; sessions and files are not undone.",
            "steering:rollback",
            (ID, Argument("VERSION", "the version's number")),
            (Option("--yes", "don't ask", FLAG),),
        ),
        Command(
            "history",
            "The versions of a workflow, or what differs between two.",
            "workflows:history",
            (ID,),
            (
                Option("--compare", "two versions: A,B", metavar="A,B"),
                Option("--limit", "at most so many", WHOLE, 200, metavar="N", least=1),
            ),
            (
                "quarterdeck workflow history 01M7YZ74",
                "quarterdeck workflow history 01M7YZ74 --compare 5,9",
            ),
        ),
        Command(
            "signal",
            "Tell a workflow that something happened outside.",
            "steering:signal",
            (ID, Argument("EVENT", "the event that a task waits for")),
            (
                Option("--key", "which one; the first of a key counts", metavar="KEY"),
                Option("--value", "what it brings: JSON, or text", metavar="VALUE"),
            ),
            ("quarterdeck workflow signal 01M7YZ74 deployed --value '{\"build\": 7}'",),
        ),
        Command(
            "log",
            "The output of a task.",
            "workflows:log",
            (ID, TASK),
            (
                Option("--attempt", "which attempt (the last)", WHOLE, metavar="N", least=1),
                Option("--follow", "go on with what comes", FLAG),
                Option("--tail", "how much of it, in bytes", WHOLE, 65_536, metavar="N", least=1),
            ),
        ),
        Command("delete", "Remove a workflow that has ended.", "steering:delete", (ID,)),
        SCHEDULE,
    ),
)  # fmt: skip
