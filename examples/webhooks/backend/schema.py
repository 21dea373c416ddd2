from syncline import Document, Index


class Event(Document):
    """A webhook that was received. Senders send again until they hear that it arrived, so each is kept once."""

    sender: str
    event_id: str
    kind: str
    summary: str

    by_event = Index("sender", "event_id", unique=True)
