"""Every command there is."""

from __future__ import annotations

from .catalogue_crew import CREW
from .catalogue_payloads import RUNNING
from .catalogue_pipelines import PIPELINE
from .catalogue_safety import BUDGET, SAFETY
from .catalogue_workflows import RUN, WORKFLOW
from .grammar import FLAG, JSON, NUMBER, PLACE, STORES, WHOLE, Argument, Command, Group, Option
from .parsing import Catalogue

NAME = Argument("NAME", "a session's name, its id, or the beginning of its id", complete="session")
ITEM = Argument("ITEM", "an attention item's id, its beginning or its end", complete="item")

ROOT = Command(
    "",
    "Command many coding agents from one terminal.",
    "opening:root",
    options=(
        Option("--headless", "run the engine alone, in the foreground", FLAG),
        Option("--minimal", "start the dashboard in minimal mode", FLAG),
        *STORES,
        *PLACE,
        Option("--version", "print the version", FLAG),
        JSON,
    ),
    notes="Without a command the dashboard opens on PATH, by default the current directory. "
    "A first word that is a command is the command, otherwise the PATH.",
    examples=(
        "quarterdeck",
        "quarterdeck ~/shop --minimal",
        "quarterdeck demo",
        "quarterdeck --headless --state-dir /tmp/crew",
        "quarterdeck session new fix-login --agent claude --prompt 'Fix the login test'",
    ),
)

SESSION = Group(
    "session",
    "Sessions: living agents, one in each terminal.",
    (
        Command(
            "new",
            "Create a session and start it.",
            "sessions:new",
            (Argument("NAME", "its name: letters, digits, spaces, _ and -"),),
            (
                Option("--agent", "which agent works in it", metavar="A", complete="agent"),
                Option("--cwd", "where it works (here)", metavar="DIR"),
                Option("--prompt", "what it is told first; - reads it from stdin", metavar="TEXT"),
                Option("--no-start", "only create it", FLAG),
                Option("--env", "an environment entry of its own", metavar="K=V", many=True),
                Option("--arg", "an argument for the agent, after its own", metavar="X", many=True),
                Option(
                    "--cols", "width of its terminal, in cells (120)", WHOLE, metavar="N", least=2
                ),
                Option(
                    "--lines", "height of its terminal, in cells (40)", WHOLE, metavar="N", least=1
                ),
                Option(
                    "--worktree",
                    "in a git worktree of its own, on this branch (qd/NAME)",
                    metavar="[BRANCH]",
                    bare=True,
                ),
                Option("--base", "what the branch begins at (what is checked out)", metavar="REF"),
                Option("--reuse", "take the branch if it is there already", FLAG),
                Option(
                    "--setup", "a command to run in the worktree first, no shell", metavar="CMD"
                ),
            ),
            (
                "quarterdeck session new fix-login --agent claude",
                "quarterdeck session new fix-login --agent claude --worktree --setup 'npm ci'",
                "quarterdeck session new probe --agent shell --env LANG=C --no-start",
            ),
        ),
        Command(
            "list",
            "The sessions, oldest first.",
            "sessions:list_",
            options=(
                Option("--agent", "only those of one agent", metavar="A", complete="agent"),
                Option("--state", "only those in one of these states", metavar="STATE[,STATE]"),
                Option("--needs", "only those that need a person", FLAG),
                Option("--text", "only those whose name, agent or place holds it", metavar="TEXT"),
            ),
            examples=("quarterdeck session list --json", "quarterdeck session list --needs"),
        ),
        Command("show", "One session in full.", "sessions:show", (NAME,)),
        Command(
            "start",
            "Start a session's process; a running one is left as it is.",
            "sessions:start",
            (NAME,),
            (Option("--resume", "go on with the agent's own former conversation", FLAG),),
        ),
        Command(
            "stop",
            "Stop a session's process and all its children.",
            "sessions:stop",
            (NAME,),
            (
                Option(
                    "--grace", "seconds from SIGTERM to SIGKILL", NUMBER, metavar="SECONDS", least=0
                ),
            ),
        ),
        Command(
            "restart",
            "Stop a session's process and start it anew.",
            "sessions:restart",
            (NAME,),
            (
                Option(
                    "--grace", "seconds from SIGTERM to SIGKILL", NUMBER, metavar="SECONDS", least=0
                ),
            ),
        ),
        Command(
            "rename",
            "Give a session another name.",
            "sessions:rename",
            (NAME, Argument("NEW", "the new name")),
        ),
        Command(
            "delete",
            "Remove a session and what was kept of it.",
            "sessions:delete",
            (NAME,),
            (
                Option("--force", "stop it first if it runs", FLAG),
                Option("--keep-worktree", "leave its worktree and branch as they are", FLAG),
                Option("--discard", "drop what is not committed in its worktree", FLAG),
            ),
            notes="A worktree goes with it if all in it is committed and merged. A branch that is not "
            "merged stays in any case.",
        ),
        Command(
            "merge",
            "Merge the branch of a session's worktree.",
            "sessions:merge",
            (NAME,),
            (
                Option(
                    "--into", "the branch to merge into (the one it began at)", metavar="BRANCH"
                ),
                Option("--delete-branch", "delete the merged branch; the session has ended", FLAG),
            ),
            (
                "quarterdeck session merge fix-login",
                "quarterdeck session merge fix-login --into dev",
            ),
        ),
        Command(
            "prompt",
            "Type a prompt into a session and submit it, if its state allows.",
            "speaking:prompt",
            (NAME, Argument("TEXT", "the prompt; - reads it from stdin")),
            (
                Option("--no-verify", "don't wait until the agent takes it up", FLAG),
                Option("--over-draft", "also after words that stand in its input box", FLAG),
            ),
            (
                "quarterdeck session prompt fix-login 'Run the tests again'",
                "git diff | quarterdeck session prompt review -",
            ),
        ),
        Command(
            "keys",
            "Press keys in a session, or type text as it stands; nothing guards this.",
            "speaking:keys",
            (NAME, Argument("KEY", "keys such as enter, ctrl+c, up, a", required=False, many=True)),
            (Option("--text", "text to type after the keys, without enter", metavar="TEXT"),),
            ("quarterdeck session keys fix-login escape", "quarterdeck session keys probe ctrl+c"),
        ),
        Command(
            "answer",
            "Answer what a session asks.",
            "speaking:answer",
            (
                NAME,
                Argument(
                    "CHOICE",
                    "a choice's key, or allow_once, allow_always, reject",
                    required=False,
                ),
            ),
            (Option("--text", "an answer in words, where the question takes one", metavar="TEXT"),),
            ("quarterdeck session answer fix-login allow_once",),
        ),
        Command(
            "screen",
            "What a session's terminal shows.",
            "screens:screen",
            (NAME,),
            (
                Option("--history", "that many lines above it, too", WHOLE, metavar="N", least=0),
                Option("--styled", "with colours and attributes", FLAG),
            ),
        ),
        Command(
            "attach",
            "Give this terminal to a session, until the leave key or its end.",
            "attaching:attach",
            (NAME,),
            (
                Option(
                    "--leave", "the key that leaves it (ctrl+], or [ui] leave_key)", metavar="KEY"
                ),
            ),
            ("quarterdeck session attach fix-login",),
        ),
        Command(
            "logs",
            "The last output of a session.",
            "screens:logs",
            (NAME,),
            (
                Option("--raw", "with escape sequences", FLAG),
                Option("--follow", "go on with what comes", FLAG),
                Option(
                    "--tail", "how much of the past, in bytes", WHOLE, 65_536, metavar="N", least=1
                ),
            ),
        ),
        Command(
            "wait",
            "Wait until a session is in a state.",
            "waiting:wait",
            (NAME,),
            (
                Option("--until", "the states, separated by commas", metavar="STATE[,STATE]"),
                Option("--timeout", "give up after so long: 30, 30s, 10m, 2h", metavar="TIME"),
            ),
            (
                "quarterdeck session wait fix-login --until done,needs --timeout 10m",
                "quarterdeck session wait probe --until ended",
            ),
            "States: created, starting, running, stopping, exited, crashed, lost; of a running "
            "session working, needs_approval, needs_answer, turn_done (done), idle, limited, "
            "errored (error), unknown. needs is either of the two needs_, ended any of exited, "
            "crashed, lost. If the session ends otherwise, or is deleted, the exit code is 1.",
        ),
        Command("explain", "What says a session's status.", "explaining:explain", (NAME,)),
        Command(
            "history",
            "A session's former statuses, newest first.",
            "explaining:history",
            (NAME,),
            (Option("--limit", "at most so many", WHOLE, 100, metavar="N", least=1),),
        ),
        Command(
            "search",
            "Where a text stands in a session's screen and scrollback, newest first.",
            "screens:search",
            (NAME, Argument("TEXT", "what to look for")),
            (Option("--case", "tell upper case from lower", FLAG),),
        ),
    ),
)

ATTENTION = Group(
    "attention",
    "The queue of all that needs a person.",
    (
        Command(
            "list",
            "What waits for a person, most urgent first.",
            "attention:list_",
            options=(Option("--no-snoozed", "leave out what was put aside", FLAG),),
        ),
        Command(
            "answer",
            "Answer an item.",
            "attention:answer",
            (
                ITEM,
                Argument(
                    "CHOICE",
                    "a choice's key, or allow_once, allow_always, reject",
                    required=False,
                ),
            ),
            (Option("--text", "an answer in words, where the question takes one", metavar="TEXT"),),
        ),
        Command(
            "snooze",
            "Put an item aside for a while.",
            "attention:snooze",
            (ITEM,),
            (Option("--for", "how long: 30s, 10m, 2h; 0 brings it back", default="10m"),),
        ),
        Command("resolve", "Take an item off the queue, unanswered.", "attention:resolve", (ITEM,)),
    ),
)

AGENT = Group(
    "agent",
    "Agents: the kinds of workers that sessions are made of.",
    (
        Command("list", "The agents that are known, and whether they are there.", "agents:list_"),
        Command(
            "setup",
            "How an agent's status is known, and what its own settings must say for that.",
            "setting_up:setup",
            (Argument("NAME", "the agent", complete="agent"),),
            (
                Option("--write", "put these entries into the file that is shown", FLAG),
                Option("--undo", "give them the values they had before", FLAG),
            ),
            ("quarterdeck agent setup gemini", "quarterdeck agent setup gemini --write"),
        ),
        Command(
            "check",
            "Replay a recorded screen or stream through an agent's status rules.",
            "checking:check",
            (Argument("FILE", "the recording; - reads stdin"),),
            (
                Option("--agent", "whose rules (every agent's)", metavar="NAME", complete="agent"),
                Option("--stream", "it is a terminal's bytes, not a screen's text", FLAG),
                Option("--title", "the terminal's title, beside a screen", metavar="TEXT"),
                Option("--cols", "width of the terminal of a stream", WHOLE, 120, metavar="N", least=2),
                Option("--lines", "height of the terminal of a stream", WHOLE, 40, metavar="N", least=1),
            ),
            ("quarterdeck session screen fix-login > seen.txt",
             "quarterdeck agent check seen.txt --agent claude"),
        ),
    ),
)  # fmt: skip

CONFIG = Group(
    "config",
    "The configuration: files, environment, flags; later wins.",
    (
        Command("show", "The values in force, and where each comes from.", "configuring:show"),
        Command(
            "init",
            "Write a commented quarterdeck.toml.",
            "configuring:init",
            options=(
                Option("--user", "in the user's configuration directory, not here", FLAG),
                Option("--force", "overwrite what is there", FLAG),
            ),
        ),
        Command("check", "Name file, line and key of every fault.", "configuring:check"),
        Command("path", "The files that are read, in their order.", "configuring:path"),
    ),
)

PREFERENCES = Group(
    "preferences",
    "The user's preferences, as the dashboard keeps them.",
    (
        Command("list", "Every preference in force.", "system:preferences"),
        Command(
            "set",
            "Keep a preference.",
            "system:prefer",
            (
                Argument("KEY", "its name", complete="preference"),
                Argument("VALUE", "its value; left out, the default comes back", required=False),
            ),
            examples=("quarterdeck preferences set keymap vim",),
        ),
    ),
)

ENTRIES: dict[str, Command | Group] = {
    entry.name: entry
    for entry in (
        SESSION,
        Command("next", "The most urgent thing that needs a person.", "attention:next_"),
        ATTENTION,
        AGENT,
        Command(
            "status",
            "Tell the terminal how this program stands (OSC 7501).",
            "reporting:status",
            (Argument("STATE", "idle, working, blocked, done, error or clear", complete="report"),),
            (
                Option("--msg", "a word about it", metavar="TEXT"),
                Option("--progress", "0 to 100", WHOLE, metavar="N"),
                Option("--kind", "what blocks: permission, question or auth", metavar="KIND"),
                Option("--cost", "what it has cost since it began", NUMBER, metavar="N", least=0),
                Option("--tokens", "what it has used since it began", WHOLE, metavar="N", least=0),
            ),
            (
                "quarterdeck status done --cost 0.42 --tokens 18200",
                "quarterdeck status working --msg 'building' --progress 40",
                "quarterdeck status blocked --kind permission --msg 'deploy?'",
            ),
            "For scripts that run in a session: the dashboard shows what they say.",
        ),
        Command(
            "events",
            "What happened, oldest first.",
            "watching:events",
            options=(
                Option("--follow", "go on with what happens", FLAG),
                Option("--topic", "only on topics like session.*.status, workflow.#; or of types like attention.*", metavar="PATTERN"),
                Option("--after", "only those after this sequence number", WHOLE, metavar="N", least=0),
                Option("--session", "only those of one session", metavar="NAME", complete="session"),
                Option("--limit", "at most so many of the past (200; 10 with --follow)", WHOLE, metavar="N", least=1),
                Option("--verify", "check the audit log instead, also without an engine", FLAG),
                Option("--head", "check it against a head that was noted before, too", metavar="NUMBER:HASH"),
            ),
            examples=(
                "quarterdeck events --follow --topic 'session.*.status'",
                "quarterdeck events --follow --topic 'workflow.*.task.*.failed' --json",
            ),
            notes="In a topic * is one level and # any number of them (docs/bus.md). Tasks and progress are told as they "
            "happen and not kept as events. With --json each event is one line, its topic in it. --verify says the "
            "head of the audit log, to be noted elsewhere for --head, and ends with 1 if a record does not fit.",
        ),
        Command(
            "health",
            "How the engine is.",
            "system:health",
            options=(
                Option("--wait", "wait so long for one that is starting: 10s, 1m", metavar="TIME"),
            ),
            examples=("quarterdeck health --wait 10s",),
        ),
        Command(
            "doctor",
            "Check this machine, this terminal and the engine, and say what to mend.",
            "doctoring:doctor",
        ),
        RUN,
        WORKFLOW,
        PIPELINE._replace(commands=(*PIPELINE.commands, *RUNNING)),
        CREW,
        SAFETY,
        BUDGET,
        CONFIG,
        PREFERENCES,
        Command(
            "shutdown",
            "Stop the engine; sessions go on until an engine takes them up again.",
            "system:shutdown",
            options=(Option("--stop-sessions", "stop the sessions, too", FLAG),),
        ),
        Command(
            "demo",
            "The practice crew: scripted agents, no key needed.",
            "demonstrating:demo",
            options=(
                Option("--headless", "no dashboard: answer by script, print what happens", FLAG),
                Option("--seed", "which of the crew's variations", WHOLE, 1, metavar="N"),
                Option(
                    "--pace",
                    "how fast the crew works: fast, person, or seconds for a step "
                    "(person; 0.2 with --headless)",
                    metavar="PACE",
                ),
            ),
            examples=("quarterdeck demo", "quarterdeck demo --headless --json"),
        ),
    )
}  # fmt: skip

CATALOGUE = Catalogue(ROOT, ENTRIES)
