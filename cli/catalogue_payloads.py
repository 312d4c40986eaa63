"""What the command line can say about pipelines that run, and their payloads."""

from __future__ import annotations

from .grammar import FLAG, WHOLE, Argument, Command, Option

NAME = Argument("NAME", "a loaded pipeline's name", complete="pipeline")
PAYLOAD = Argument("PAYLOAD", "a payload's id, or its beginning or end")
PIPELINE = Option("--pipeline", "only those of this pipeline", metavar="NAME", complete="pipeline")
EVENT = Option("--event", "only those of this event type", metavar="EVENT")

PROPEL = Command(
    "propel",
    "Put a payload into a pipeline, and show what comes of it.",
    "pipeline_propelling:propel",
    (
        Argument(
            "WORDS",
            "[FILE or NAME] EVENT: the pipeline's file or name, and the event type",
            many=True,
        ),
    ),
    (
        Option("--data", "what it carries: JSON, or text; - reads it from stdin", metavar="JSON"),
        Option("--priority", "critical, high, normal, low or background", metavar="LEVEL"),
        Option("--input", "a value for the pipeline's file", metavar="NAME=VALUE", many=True),
        Option("--agent", "the agent that is to work on it", metavar="A", complete="agent"),
        Option("--key", "the payload's routing key, which templates see", metavar="KEY"),
        Option("--deadline", "seconds after which it is not begun any more", WHOLE, metavar="S"),
        Option("--wait", "follow the chain to its end", FLAG),
    ),
    (
        'quarterdeck pipeline propel examples/debate.yaml proposals_ready --data \'{"topic": "Tabs?"}\'',
        'quarterdeck pipeline propel review changed --data \'{"path": "a.py"}\' --wait',
        "quarterdeck pipeline propel changed --priority high",
    ),
    "A FILE is loaded if it is not. If no engine runs, one runs here until the chain has ended. Exit "
    "code 0: all of the chain was completed; 1: something of it failed, expired or was cancelled.",
)

RUNNING = (
    Command(
        "load",
        "Load a pipeline from its file, or replace the one of its name.",
        "pipeline_steering:load",
        (Argument("FILE", "a pipeline's file, in YAML or JSON"),),
        (
            Option("--input", "a value for the pipeline", metavar="NAME=VALUE", many=True),
            Option("--cwd", "what paths are counted from (the file's directory)", metavar="DIR"),
        ),
        ("quarterdeck pipeline load examples/debate.yaml",),
        "It stays loaded until it is unloaded, also when the engine starts anew.",
    ),
    Command(
        "unload",
        "Forget a pipeline.",
        "pipeline_steering:unload",
        (NAME,),
        (Option("--force", "cancel its payloads that have not ended", FLAG),),
    ),
    Command("list", "Every loaded pipeline.", "pipeline_reading:list_"),
    Command("show", "One pipeline: lanes, handlers, triggers.", "pipeline_reading:show", (NAME,)),
    Command("pause", "Begin no more payloads of a pipeline.", "pipeline_steering:pause", (NAME,)),
    Command("resume", "Go on with what waits.", "pipeline_steering:resume", (NAME,)),
    PROPEL,
    Command(
        "payloads",
        "Payloads, newest first.",
        "pipeline_reading:payloads",
        options=(
            PIPELINE,
            EVENT,
            Option("--status", "only those in one of these", metavar="STATUS[,STATUS]"),
            Option("--chain", "only those of this chain: its first payload", metavar="PAYLOAD"),
            Option("--limit", "at most so many", WHOLE, 100, metavar="N", least=1),
        ),
        examples=("quarterdeck pipeline payloads --status queued,running",),
    ),
    Command(
        "payload",
        "All about one payload: data, causes, effects, runs.",
        "pipeline_reading:payload",
        (PAYLOAD,),
    ),
    Command("cancel", "End a payload that waits or runs.", "pipeline_steering:cancel", (PAYLOAD,)),
    Command(
        "retry",
        "Try a payload now that waits for its next attempt.",
        "pipeline_steering:retry",
        (PAYLOAD,),
    ),
    Command(
        "dead-letters",
        "Payloads that failed for good.",
        "pipeline_reading:dead_letters",
        options=(PIPELINE, EVENT),
    ),
    Command("replay", "Submit a dead payload anew.", "pipeline_steering:replay", (PAYLOAD,)),
    Command("discard", "Remove a dead payload.", "pipeline_steering:discard", (PAYLOAD,)),
)  # fmt: skip
"""The commands of the group ``pipeline`` that an engine answers."""
