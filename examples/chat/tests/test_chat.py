"""What the functions of the chat promise. Each test writes in channels of its own."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from convex import ConvexClient, ConvexError


class Chat:
    """The official client, with arguments by name."""

    def __init__(self, url: str) -> None:
        self._client = ConvexClient(url)

    def query(self, function: str, **arguments: Any) -> Any:
        return self._client.query(function, arguments)

    def mutation(self, function: str, **arguments: Any) -> Any:
        return self._client.mutation(function, arguments)

    def updates(self, function: str, **arguments: Any) -> Iterator[Any]:
        return self._client.subscribe(function, arguments)

    def send(self, channel: str, body: str, author: str = "Ada") -> str:
        message: str = self.mutation("messages:send", channel=channel, author=author, body=body)
        return message

    def bodies(self, channel: str) -> list[str]:
        return [message["body"] for message in self.query("messages:list", channel=channel)]

    def channel(self, name: str) -> dict[str, Any]:
        channels: list[dict[str, Any]] = self.query("channels:list")
        [found] = [channel for channel in channels if channel["name"] == name]
        return found


@pytest.fixture
def chat(url: str) -> Chat:
    return Chat(url)


def test_messages_are_listed_with_their_authors_the_newest_first(chat: Chat) -> None:
    first = chat.send("listed", "hello")
    chat.send("listed", "hello back", author="Grace")
    newest, oldest = chat.query("messages:list", channel="listed")
    assert (newest["author"], newest["body"]) == ("Grace", "hello back")
    assert (oldest["author"], oldest["body"], oldest["id"]) == ("Ada", "hello", first)
    assert newest["sent_at"] > oldest["sent_at"]


def test_a_list_can_be_limited_to_the_latest(chat: Chat) -> None:
    for number in range(3):
        chat.send("limited", str(number))
    latest = chat.query("messages:list", channel="limited", limit=2)
    assert [message["body"] for message in latest] == ["2", "1"]


def test_sending_makes_the_channel_and_counts_the_message(chat: Chat) -> None:
    chat.send("counted", "one")
    chat.send("counted", "two")
    assert chat.channel("counted")["messages"] == 2


def test_the_count_is_right_when_many_write_at_once(url: str) -> None:
    writers = [Chat(url) for _ in range(4)]

    def write_many(writer: Chat) -> None:
        for number in range(25):
            writer.send("crowded", f"line {number}", author=f"writer {writers.index(writer)}")

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write_many, writers))
    assert writers[0].channel("crowded")["messages"] == 100
    assert len(writers[0].query("messages:list", channel="crowded", limit=200)) == 100


def test_a_channel_is_made_once_under_a_tidy_name(chat: Chat) -> None:
    made = chat.mutation("channels:create", name="Field Notes")
    again = chat.mutation("channels:create", name="  field_notes ")
    assert made["name"] == "field-notes"
    assert made["_id"] == again["_id"]
    chat.send("FIELD NOTES", "found")
    assert chat.bodies("Field Notes") == ["found"]


def test_channels_are_listed_by_name(chat: Chat) -> None:
    for name in ("zebra", "apple", "mango"):
        chat.mutation("channels:create", name=name)
    names = [channel["name"] for channel in chat.query("channels:list")]
    assert names == sorted(names)
    assert {"apple", "mango", "zebra"} <= set(names)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ({"channel": "refused", "author": "Ada", "body": "   "}, "bad_message"),
        ({"channel": "refused", "author": "Ada", "body": "x" * 4001}, "bad_message"),
        ({"channel": "refused", "author": " ", "body": "hello"}, "bad_name"),
        ({"channel": "!!!", "author": "Ada", "body": "hello"}, "bad_name"),
    ],
)
def test_a_refused_message_leaves_nothing_behind(chat: Chat, arguments: dict[str, str], code: str) -> None:
    before = chat.query("channels:list")
    with pytest.raises(ConvexError) as refusal:
        chat.mutation("messages:send", **arguments)
    assert refusal.value.data["code"] == code
    assert chat.query("channels:list") == before
    assert chat.bodies("refused") == []


def test_the_pages_of_a_channel_hold_its_whole_history(chat: Chat) -> None:
    said = [f"line {number}" for number in range(25)]
    for body in said:
        chat.send("paged", body)
    read: list[str] = []
    cursor = None
    while True:
        options = {"numItems": 10, "cursor": cursor}
        page = chat.query("messages:page", channel="paged", paginationOpts=options)
        read += [message["body"] for message in page["page"]]
        if page["isDone"]:
            break
        cursor = page["continueCursor"]
    assert read == list(reversed(said))


def test_a_subscriber_sees_each_message_as_it_comes(chat: Chat, url: str) -> None:
    updates = chat.updates("messages:list", channel="live")
    assert next(updates) == []
    Chat(url).send("live", "are you there?", author="Grace")
    [message] = next(updates)
    assert message["body"] == "are you there?"
