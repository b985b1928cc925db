"""What goes to the terminal of a region that is drawn again: its own cells."""

from rich.console import Console
from rich.control import Control

from pgheadroom.tui.textual_private import ChopsUpdate


class Spans(ChopsUpdate):
    """Textual's update of regions, but each begins where it begins, not at the left edge of its widget.

    On the calm overview that is most of what would be sent. A Textual without the parts that are used here is found out
    by the tests; nothing else depends on them.
    """

    def render_segments(self, console: Console) -> str:
        return "".join(
            Control.move_to(max(x, first), y).segment.text + strip.crop(first - x, last - x).render(console)
            for y, first, last in self.spans
            for end, (x, strip) in zip(self.chop_ends[y], self.chops[y].items(), strict=True)
            if strip is not None and x < last and end > first
        )
