"""Templates of workflow files: what they may see, and what they give."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from jinja2 import TemplateSyntaxError, nodes
from jinja2.environment import Template as Compiled
from jinja2.environment import TemplateExpression
from jinja2.runtime import Undefined

from ...telemetry.redaction import HIDDEN, Redactor
from .bounds import Amount, Bounded, plain
from .environment import environment, text_of, with_counts
from .faults import TemplateFailed

MARKS = ("{{", "{%", "{#")
NAMES = ("inputs", "tasks", "item", "index", "handoff", "env", "workflow")
"""What a template may see."""


@dataclass(frozen=True, slots=True)
class Scope:
    """The values that templates see.

    ``tasks`` has for each task ``result``, ``status`` and ``outputs`` (paths of files by name).
    ``loop`` has ``item`` and ``index`` in a fan-out, ``around`` what else there is to speak of.
    ``secrets`` are hidden in messages.
    """

    inputs: Mapping[str, Any] = field(default_factory=dict)
    tasks: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    handoff: Mapping[str, Any] = field(default_factory=dict)
    env: Mapping[str, str] = field(default_factory=dict)
    workflow: Mapping[str, Any] = field(default_factory=dict)
    loop: Mapping[str, Any] = field(default_factory=dict)
    around: Mapping[str, Any] = field(default_factory=dict)
    secrets: frozenset[str] = frozenset()

    def names(self) -> dict[str, Any]:
        """The names by themselves."""
        return {
            "inputs": self.inputs,
            "tasks": self.tasks,
            "handoff": self.handoff,
            "env": self.env,
            "workflow": self.workflow,
            **self.around,
            **self.loop,
        }


def is_template(text: str) -> bool:
    """Whether there is anything to render in ``text``."""
    return any(mark in text for mark in MARKS)


def condition_text(text: str) -> str:
    """A condition as a template: the braces may be left out."""
    return text if is_template(text) else f"{{{{ {text} }}}}"


def parse(text: str) -> nodes.Template:
    """The tree of a template.

    :raises TemplateSyntaxError: Jinja's own, with the line within ``text``.
    """
    return environment().parse(text)


def whole_expression(tree: nodes.Template) -> nodes.Expr | None:
    """The expression that a template is, if it is nothing else."""
    if len(tree.body) != 1 or not isinstance(tree.body[0], nodes.Output):
        return None
    parts = tree.body[0].nodes
    return parts[0] if len(parts) == 1 and not isinstance(parts[0], nodes.TemplateData) else None


def render(value: Any, scope: Scope, what: str = "The template") -> Any:
    """``value`` with every text in it rendered, as JSON.

    A text that is one expression gives that expression's value, any other text gives text.

    :raises TemplateFailed: if that can't be done; ``what`` names it in the message.
    """
    with Bounded():
        return _render(value, scope, what, Amount())


def render_text(text: str, scope: Scope, what: str = "The template") -> str:
    """``text`` rendered as text, even where it is one expression.

    :raises TemplateFailed: if that can't be done.
    """
    return text_of(render(text, scope, what))


def holds(condition: bool | str, scope: Scope, what: str = "when") -> bool:
    """Whether a condition holds.

    :raises TemplateFailed: if it can't be told; text is no answer, since "false" is a text too.
    """
    if isinstance(condition, bool):
        return condition
    found = render(condition_text(condition), scope, what)
    if isinstance(found, str):
        raise TemplateFailed(
            f"{what} gives a text, neither true nor false. Compare it: {{{{ ... == 'yes' }}}}."
        )
    return bool(found)


def _render(value: Any, scope: Scope, what: str, amount: Amount) -> Any:
    if isinstance(value, Mapping):
        return {key: _render(one, scope, f"{what}.{key}", amount) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_render(one, scope, f"{what}[{at}]", amount) for at, one in enumerate(value)]
    if isinstance(value, str) and is_template(value):
        return _render_one(value, scope, what, amount)
    return value


def _render_one(text: str, scope: Scope, what: str, amount: Amount) -> Any:
    try:
        compiled = _compiled(text)
        if isinstance(compiled, TemplateExpression):
            found = compiled(scope.names())
            if isinstance(found, Undefined):
                str(found)  # raises, and says which name it is
            return plain(found, amount)
        parts = []
        for part in compiled.generate(scope.names()):
            amount.add(len(part))
            parts.append(part)
        return "".join(parts)
    except TemplateFailed as error:
        raise type(error)(f"{what}: {error.message}") from None
    except TemplateSyntaxError as error:
        raise TemplateFailed(f"{what}: {error.message}.") from None
    # What stood in the error is in the message, without secrets; its traceback would hold them.
    except Exception as error:  # noqa: BLE001  # whatever an expression raises is its author's fault
        raise TemplateFailed(f"{what}: {_told(error, scope.secrets)}") from None


def _told(error: Exception, secrets: Iterable[str]) -> str:
    text = " ".join((str(error) or type(error).__name__).split())
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    return f"{Redactor().text(text)[:500].rstrip('.')}."


@lru_cache(maxsize=1024)
def _compiled(text: str) -> Compiled | TemplateExpression:
    tree = parse(text)
    whole = whole_expression(tree)
    if whole is None:
        return environment().from_string(with_counts(tree))
    name = nodes.Name("result", "store", lineno=1)
    assigned = nodes.Template([nodes.Assign(name, whole, lineno=1)], lineno=1)
    assigned.set_environment(environment())
    return TemplateExpression(environment().from_string(with_counts(assigned)), False)
