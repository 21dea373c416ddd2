"""What is stored. Rows belong to whoever made them: the database itself sees to it."""

from syncline import Document, Index, owned_by


class Todo(Document):
    owner: str = ""
    text: str
    done: bool = False

    by_owner = Index("owner")
    access = owned_by("owner")
