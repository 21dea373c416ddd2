"""What the functions of the chat promise, tested with the real engine on an empty database in memory."""

import pytest
from syncline import AppError, Id, PaginationOptions
from syncline.testing import Backend

from backend import channels, messages
from backend.schema import Channel, Message


def send(backend: Backend, channel: str, body: str, author: str = "Ada") -> Id[Message]:
    return backend.mutation(messages.send, channel=channel, author=author, body=body)


def bodies(backend: Backend, channel: str) -> list[str]:
    return [entry["body"] for entry in backend.query(messages.list_messages, channel=channel)]


def channel_called(backend: Backend, name: str) -> Channel:
    [found] = [channel for channel in backend.query(channels.list_channels) if channel.name == name]
    return found


def test_messages_are_listed_with_their_authors_the_newest_first(backend: Backend) -> None:
    first = send(backend, "general", "hello")
    send(backend, "general", "hello back", author="Grace")
    newest, oldest = backend.query(messages.list_messages, channel="general")
    assert (newest["author"], newest["body"]) == ("Grace", "hello back")
    assert (oldest["author"], oldest["body"], oldest["id"]) == ("Ada", "hello", first)
    assert newest["sent_at"] > oldest["sent_at"]


def test_a_list_can_be_limited_to_the_latest(backend: Backend) -> None:
    for number in range(3):
        send(backend, "general", str(number))
    latest = backend.query(messages.list_messages, channel="general", limit=2)
    assert [entry["body"] for entry in latest] == ["2", "1"]


def test_sending_makes_the_channel_and_counts_the_message(backend: Backend) -> None:
    send(backend, "new", "one")
    send(backend, "new", "two")
    assert channel_called(backend, "new").messages == 2


def test_a_channel_is_made_once_under_a_tidy_name(backend: Backend) -> None:
    made = backend.mutation(channels.create, name="Field Notes")
    again = backend.mutation(channels.create, name="  field_notes ")
    assert made.name == "field-notes"
    assert made.id == again.id
    send(backend, "FIELD NOTES", "found")
    assert bodies(backend, "Field Notes") == ["found"]


def test_channels_are_listed_by_name(backend: Backend) -> None:
    for name in ("zebra", "apple", "mango"):
        backend.mutation(channels.create, name=name)
    listed = backend.query(channels.list_channels)
    assert [channel.name for channel in listed] == ["apple", "mango", "zebra"]


@pytest.mark.parametrize(
    ("channel", "author", "body", "code"),
    [
        ("general", "Ada", "   ", "bad_message"),
        ("general", "Ada", "x" * 4001, "bad_message"),
        ("general", " ", "hello", "bad_name"),
        ("!!!", "Ada", "hello", "bad_name"),
    ],
)
def test_a_refused_message_leaves_nothing_behind(
    backend: Backend, channel: str, author: str, body: str, code: str
) -> None:
    with pytest.raises(AppError) as refusal:
        send(backend, channel, body, author)
    assert refusal.value.data["code"] == code
    assert backend.query(channels.list_channels) == []
    assert bodies(backend, "general") == []


def test_the_pages_of_a_channel_hold_its_whole_history(backend: Backend) -> None:
    said = [f"line {number}" for number in range(25)]
    for body in said:
        send(backend, "general", body)
    read = list[str]()
    options = PaginationOptions(num_items=10, cursor=None)
    while True:
        page = backend.query(messages.page, channel="general", options=options)
        read += [entry["body"] for entry in page.items]
        if page.is_done:
            break
        options = PaginationOptions(num_items=10, cursor=page.cursor)
    assert read == list(reversed(said))


def test_a_subscriber_sees_each_message_as_it_comes(backend: Backend) -> None:
    with backend.subscribe(messages.list_messages, channel="general") as updates:
        assert updates.next() == []
        send(backend, "general", "are you there?", author="Grace")
        [entry] = updates.next()
        assert entry["body"] == "are you there?"
