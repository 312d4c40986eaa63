"""Workflows as drawings: graphs in layers, Gantt rows, Mermaid, DOT, SVG. Data in, rows out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .formats import FORMATS, dot, graph_of, mermaid, svg, text
    from .layout import Box, Direction, Layout, lay_out
    from .nodes import GLYPHS, Graph, Node, fold
    from .painting import Cell, lines_of, paint
    from .timeline import Span, duration, gantt

__all__ = [
    "FORMATS",
    "GLYPHS",
    "Box",
    "Cell",
    "Direction",
    "Graph",
    "Layout",
    "Node",
    "Span",
    "dot",
    "duration",
    "fold",
    "gantt",
    "graph_of",
    "lay_out",
    "lines_of",
    "mermaid",
    "paint",
    "svg",
    "text",
]

_HOMES = {
    **dict.fromkeys(("FORMATS", "dot", "graph_of", "mermaid", "svg", "text"), ".formats"),
    **dict.fromkeys(("Span", "duration", "gantt"), ".timeline"),
    **dict.fromkeys(("Box", "Direction", "Layout", "lay_out"), ".layout"),
    **dict.fromkeys(("GLYPHS", "Graph", "Node", "fold"), ".nodes"),
    **dict.fromkeys(("Cell", "lines_of", "paint"), ".painting"),
}


def __getattr__(name: str) -> Any:
    from ...base.lazy import find_name  # noqa: PLC0415  # start-up time: most come for a module

    return find_name(__name__, name, _HOMES)
