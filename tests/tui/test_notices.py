"""What the engine mended at its start, and what keeps it from starting, is told."""

from __future__ import annotations

from tests.tui.crew import Crew
from tests.tui.hand import aboard

from quarterdeck.core.base.errors import SystemFault
from quarterdeck.core.protocol.views import NoticeView


async def test_what_was_mended_stays_until_it_is_dismissed_and_comes_once(busy: Crew) -> None:
    busy.notices = (NoticeView(code="store_moved_aside", message="The database was damaged."),)
    async with aboard(busy) as hand:
        await hand.until(lambda: hand.shows("Something was mended", "The database was damaged."))
        await hand.press("j", "y")
        assert hand.shows("Something was mended")
        await hand.press("escape")
        assert hand.screen is hand.deck
        busy.drop()
        await hand.until(lambda: busy.connects == 1)
        hand.app.perform("link.reconnect")
        await hand.until(lambda: busy.connects == 2)
        await hand.settle()
        assert not hand.shows("Something was mended")


async def test_what_no_retry_mends_ends_the_dashboard_with_its_message(crew: Crew) -> None:
    crew.unreachable = SystemFault("It was written by a newer version.")
    async with aboard(crew) as hand:
        await hand.until(lambda: hand.app._exit)
        assert hand.app.return_code == 1
        assert hand.app.last_words == "internal: It was written by a newer version."
