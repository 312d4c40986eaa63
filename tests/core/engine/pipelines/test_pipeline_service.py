"""Pipelines in the engine, over a store in memory, with a crew that starts no process."""

from __future__ import annotations

from pathlib import Path

from tests.core.engine.pipelines.pipe_rig import rigged

from quarterdeck.core.protocol.pipeline_views import PayloadStatus

CHAIN = """
name: p
events:
  first:
    handlers:
      double:
        run: [echo, "{{ data.n }}-{{ data.n }}"]
        emits:
          - event: second
            data: {got: "{{ result }}", n: "{{ data.n }}"}
  second:
    handlers:
      finish:
        run: [echo, "{{ data.got }} after {{ causes[0].data.n }}"]
"""


async def test_a_chain_runs_and_knows_its_causes(tmp_path: Path) -> None:
    async with rigged(tmp_path) as rig:
        view = await rig.load(CHAIN)
        assert [lane.event for lane in view.lanes] == ["first", "second"]
        first = await rig.propel("first", {"n": 7})
        await rig.ended(first.id)
        await rig.quiet()
        found = rig.all(root=first.id)
        assert [(one.event, one.status, one.hops) for one in found] == [
            ("first", PayloadStatus.COMPLETED, 0),
            ("second", PayloadStatus.COMPLETED, 1),
        ]
        assert found[1].cause == f"payload/{first.id}"
        assert rig.crew.began == [("double", "7-7"), ("finish", "7-7 after 7")]
        detail = await rig.service.payload(first.id)
        assert detail.runs[0].result == "7-7"
        assert detail.runs[0].emitted == (found[1].id,)
        assert [one.id for one in detail.effects] == [found[1].id]
        later = await rig.service.payload(found[1].id)
        assert [one.id for one in later.causes] == [first.id]
        assert rig.workflows.views() == ()
