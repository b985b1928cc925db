"""What the tests of the screens leave behind: nothing, in whatever order they run."""

from pgheadroom.tui.options import Options
from pgheadroom.tui.screens.bulk import Bulk
from pgheadroom.tui.screens.confirm import Confirm
from pgheadroom.tui.widgets.painted import Painted
from tui.stage import on_stage


def of_all_monitors() -> tuple[float, float, bool]:
    return Confirm.READING_TIME, Bulk.READING_TIME, Painted.ascii_only


async def test_what_holds_for_all_monitors_is_afterwards_as_before() -> None:
    before = of_all_monitors()
    async with on_stage(options=Options("prod db1:5432", ascii_only=True)):
        assert of_all_monitors() == (0.0, 0.0, True)
    assert of_all_monitors() == before == (0.3, 0.5, False)
