"""What widgets and workers tell the screens."""

from textual.message import Message

from pgheadroom.model.update import Update


class Updated(Message):
    """The source posted an update."""

    def __init__(self, update: Update) -> None:
        super().__init__()
        self.update = update
