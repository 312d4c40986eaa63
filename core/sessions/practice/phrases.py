"""What the practice agents say and pretend to do."""

from __future__ import annotations


class Story:
    """One piece of work that hangs together: what was asked, where it was, what was changed."""

    def __init__(
        self,
        *,
        prompt: str,
        files: tuple[str, ...],
        name: str,
        thought: str,
        diff: str,
        closing: str,
    ) -> None:
        self.prompt = prompt
        self.files = files
        self.name = name
        self.thought = thought
        self.diff = diff
        self.closing = closing


STORIES = (
    Story(
        prompt="make the login survive an expired token",
        files=("app/session.py", "app/tokens.py", "tests/test_session.py"),
        name="refresh_token",
        thought="The token is used before its age is checked; one condition is the wrong way round.",
        diff="- if token.valid() or token.age < limit:\n+ if token.valid() and token.age < limit:",
        closing="The age is now checked first, and a test holds it there.",
    ),
    Story(
        prompt="why is the import of large files slow?",
        files=("app/imports/reader.py", "app/imports/rows.py", "tests/test_reader.py"),
        name="read_rows",
        thought="All rows are read into a list before the first one is used.",
        diff="- rows = list(reader)\n- for row in rows:\n+ for row in reader:",
        closing="Rows now stream; memory stays flat whatever the size of the file.",
    ),
    Story(
        prompt="add a dry-run flag to the deploy script",
        files=("scripts/deploy.py", "scripts/targets.py", "tests/test_deploy.py"),
        name="deploy",
        thought="Every step goes through one function, so the flag has to be known there only.",
        diff="+ parser.add_argument('--dry-run', action='store_true')\n"
        "- run(step)\n+ run(step) if not args.dry_run else show(step)",
        closing="With --dry-run the script shows each step and changes nothing.",
    ),
    Story(
        prompt="the totals on the invoice page are off by a cent",
        files=("app/billing/totals.py", "app/billing/invoice.py", "tests/test_totals.py"),
        name="round_total",
        thought="Each line is rounded before the sum, so the cents add up to an error.",
        diff="- total += round(line.price * line.count, 2)\n+ total += line.price * line.count",
        closing="The sum is rounded once, at the end; the invoice from the report is a test now.",
    ),
    Story(
        prompt="retry uploads when the connection drops",
        files=("app/uploads.py", "app/retry.py", "tests/test_uploads.py"),
        name="send_part",
        thought="The fault is caught and forgotten; nobody up there learns of it.",
        diff="- except OSError:\n-     pass\n+ except ConnectionError as fault:\n+     await again(part, fault)",
        closing="A dropped connection sends the part again, five times at most.",
    ),
    Story(
        prompt="stale entries come out of the cache",
        files=("app/cache.py", "app/clock.py", "tests/test_cache.py"),
        name="evict",
        thought="An entry's age is only looked at when another one is written.",
        diff="- return cache[key]\n+ entry = cache.get(key)\n"
        "+ return entry.value if entry and entry.fresh() else None",
        closing="A stale entry now counts as missing from the moment it is stale.",
    ),
)

OPENINGS = (
    "I'll read the code around this first, then change as little as possible.",
    "Let me see how it works today before I touch anything.",
    "I'll start from the tests, since they say what is meant.",
    "First I'll find every place that is concerned.",
)

COMMANDS = (
    "npm install --save-dev prettier",
    "git push origin fix-login",
    "rm -rf build dist",
    "pip install 'httpx>=0.27'",
    "docker compose up -d postgres",
    "alembic upgrade head",
    "chmod +x scripts/deploy.py",
    "git rebase --autostash origin/main",
    "curl -fsS https://staging.example.com/health",
    "make migrate DATABASE=staging",
)

OUTPUTS = (
    "exit code 0",
    "done in 1.4 s",
    "3 changed, 0 failed",
    "ok",
)

QUESTIONS = (
    "Which colour should the warning have?|Red|Amber|Blue",
    "Where shall the new setting live?|In the project's file|In the user's file",
    "How should old records be treated?|Migrate them|Keep them as they are|Delete them",
    "Which name is better for the flag?|--dry-run|--preview|--simulate",
    "How strict should the parser be?|Refuse what is odd|Warn and go on|Accept everything",
)

WEIGHING = (
    "Let me see who minds it as well.",
    "I'll hold what I read against that.",
    "The rest may be as it is.",
)

TRACEBACK = """\
Traceback (most recent call last):
  File "practice/crew.py", line 88, in run_turn
    step = plan.next(budget)
  File "practice/crew.py", line 41, in next
    raise PracticeCrash("the scripted crash of the practice crasher")
PracticeCrash: the scripted crash of the practice crasher
"""
