"""Where the person stands among the pipelines: no I/O, no widgets."""

from __future__ import annotations

from ....core.client.view import View
from ....core.protocol.pipeline_views import LaneView, PayloadView, PipelineView
from ..about import about
from ..query import Query
from .rows import lane_key


class LanesDesk:
    """The lane that is looked at (with an empty ``event`` all of the pipeline), and its payload.

    ``handlers``: they are shown in place of the payloads. ``detail``: all about the payload is shown, in place of the
    list where there is room for one only. ``elsewhere``: the payload was gone to from another screen, its lane is not
    known yet, or not among those that are loaded.
    """

    def __init__(self) -> None:
        self.view = View()
        self.query: Query[PayloadView] = Query()
        self.name = ""
        self.lane = ""
        self.payload_id = ""
        self.handlers = False
        self.detail = False
        self.elsewhere = False

    @property
    def pipelines(self) -> list[PipelineView]:
        """Every pipeline, by name."""
        return [self.view.pipelines[name] for name in sorted(self.view.pipelines)]

    @property
    def pipeline(self) -> PipelineView | None:
        """The pipeline that is looked at."""
        return self.view.pipelines.get(self.name)

    @property
    def lane_view(self) -> LaneView | None:
        """The lane that is looked at, if it is one."""
        pipeline = self.pipeline
        lanes = pipeline.lanes if pipeline is not None else ()
        return next((lane for lane in lanes if lane.event == self.lane), None)

    @property
    def key(self) -> str:
        """The row of what is looked at."""
        return lane_key(self.name, self.lane)

    def select(self, key: str) -> None:
        """Look at the lane of a row."""
        _, name, lane = about(key)
        if (name, lane) != (self.name, self.lane):
            self.name, self.lane = name, lane
            self.payload_id, self.detail = "", False

    def reconcile(self) -> None:
        """Stand on a pipeline that is there, and on a lane that it has."""
        pipelines = self.pipelines
        if self.pipeline is None and pipelines:
            self.name, self.lane = pipelines[0].name, ""
            if not self.elsewhere:
                self.payload_id, self.detail = "", False
        if self.lane and self.lane_view is None:
            self.lane = ""
