"""Hot endpoints: requests that are answered straight from the protocol."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

import pytest

from support.serving import Bare, Responses, bare_gateway, error_code, request
from syncline.http import Gateway
from syncline.http.request import Request
from syncline.kernel.clock import FakeClock
from syncline.kernel.limits import Limits


def echo(request: Request) -> None:
    request.respond(200, request.content)


def answer_later(request: Request) -> None:
    asyncio.get_running_loop().call_soon(lambda: request.respond(200, b"later:" + request.content))


def fail(request: Request) -> None:
    raise RuntimeError("a fault")


def endpoints(gateway: Gateway) -> None:
    gateway.add("POST", "/echo", echo)
    gateway.add("POST", "/later", answer_later)
    gateway.add("POST", "/fail", fail)
    gateway.add("GET", "/text", lambda request: request.respond(200, b"hello", b"text/plain"))
    gateway.add("POST", "/below/", lambda request: request.respond(200, request.url))


def test_a_request_is_answered_and_the_connection_stays_open() -> None:
    with (
        bare_gateway(endpoints) as server,
        server.connect() as connection,
        Responses(connection) as responses,
    ):
        for number in range(3):
            connection.sendall(request("POST", "/echo", b"%d" % number))
            status, headers, body = responses.next()
            assert (status, body) == (200, b"%d" % number)
            assert headers["content-type"] == "application/json"
            assert "connection" not in headers


def test_the_log_of_a_fault_has_the_path_and_nothing_behind_it(caplog: pytest.LogCaptureFixture) -> None:
    with bare_gateway(endpoints) as server:
        answer = server.exchange(
            request("POST", "/fail?adminKey=planted|key", b"planted body", connection="close")
        )
    assert b"500" in answer and b"planted" not in answer
    [logged] = [record for record in caplog.records if "failed" in record.message]
    assert logged.message == "POST /fail failed"
    assert "RuntimeError: a fault" in caplog.text and "planted" not in caplog.text


def test_pipelined_requests_of_all_kinds_are_answered_in_order() -> None:
    burst = [request("POST", "/later", b"1"), request("POST", "/echo", b"2"), request("GET", "/nowhere")]
    burst += [request("GET", "/text"), request("POST", "/later", b"3"), request("POST", "/echo", b"4")]
    with (
        bare_gateway(endpoints) as server,
        server.connect() as connection,
        Responses(connection) as responses,
    ):
        connection.sendall(b"".join(burst))
        bodies = [responses.next()[2] for _ in burst]
    assert bodies == [b"later:1", b"2", b"404 page", b"hello", b"later:3", b"4"]


def test_a_pipeline_of_many_instant_answers_does_not_recurse() -> None:
    count = 3_000
    with (
        bare_gateway(endpoints) as server,
        server.connect() as connection,
        Responses(connection) as responses,
    ):
        sender = threading.Thread(target=connection.sendall, args=(request("POST", "/later", b"x") * count,))
        sender.start()
        assert all(responses.next()[2] == b"later:x" for _ in range(count))
        sender.join()


def test_a_body_may_arrive_byte_by_byte_behind_a_pending_request() -> None:
    with (
        bare_gateway(endpoints) as server,
        server.connect() as connection,
        Responses(connection) as responses,
    ):
        for byte in request("POST", "/later", b"one") + request("POST", "/echo", b"two"):
            connection.sendall(bytes([byte]))
        assert [responses.next()[2], responses.next()[2]] == [b"later:one", b"two"]


def test_a_chunked_body_is_put_together() -> None:
    head = b"POST /echo HTTP/1.1\r\nhost: test\r\ntransfer-encoding: chunked\r\n\r\n"
    with (
        bare_gateway(endpoints) as server,
        server.connect() as connection,
        Responses(connection) as responses,
    ):
        connection.sendall(head + b"3\r\nabc\r\n2\r\nde\r\n1\r\nf\r\n0\r\n\r\n")
        assert responses.next()[2] == b"abcdef"


def test_connection_close_and_http_1_0_close_after_the_answer() -> None:
    with bare_gateway(endpoints) as server:
        answer = server.exchange(request("POST", "/echo", b"x", connection="close"))
        assert b"connection: close\r\n" in answer and answer.endswith(b"\r\n\r\nx")
        answer = server.exchange(b"POST /echo HTTP/1.0\r\ncontent-length: 1\r\n\r\ny")
        assert answer.endswith(b"\r\n\r\ny")


def test_head_has_the_headers_of_get_and_no_body() -> None:
    with bare_gateway(endpoints) as server:
        answer = server.exchange(request("HEAD", "/text", connection="close"))
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"content-length: 5\r\n" in answer and answer.endswith(b"\r\n\r\n")


def test_an_endpoint_that_raises_answers_500_and_hurts_nobody_else(caplog: pytest.LogCaptureFixture) -> None:
    with (
        bare_gateway(endpoints) as server,
        server.connect() as connection,
        Responses(connection) as responses,
    ):
        connection.sendall(request("POST", "/fail") + request("POST", "/echo", b"fine"))
        status, _, body = responses.next()
        assert (status, error_code(body)) == (500, "InternalServerError")
        assert b"a fault" not in body
        assert responses.next()[2] == b"fine"
    assert "POST /fail failed" in caplog.text


def test_the_wrong_method_is_405_and_names_the_right_ones() -> None:
    with (
        bare_gateway(endpoints) as server,
        server.connect() as connection,
        Responses(connection) as responses,
    ):
        connection.sendall(request("PUT", "/text") + request("GET", "/below/x"))
        status, headers, body = responses.next()
        assert (status, headers["allow"], error_code(body)) == (405, "GET, HEAD", "MethodNotAllowed")
        assert responses.next()[1]["allow"] == "POST"


def test_a_prefix_takes_what_is_below_it_and_doubled_slashes_are_forgiven() -> None:
    with (
        bare_gateway(endpoints) as server,
        server.connect() as connection,
        Responses(connection) as responses,
    ):
        connection.sendall(request("POST", "/below/a/b?c=d") + request("POST", "//echo?x", b"y"))
        assert [responses.next()[2], responses.next()[2]] == [b"/below/a/b?c=d", b"y"]


def test_any_page_may_read_answers_and_errors_but_without_credentials() -> None:
    origin = "https://app.example"
    with (
        bare_gateway(endpoints) as server,
        server.connect() as connection,
        Responses(connection) as responses,
    ):
        connection.sendall(
            request("POST", "/echo", b"x", origin=origin) + request("PUT", "/echo", origin=origin)
        )
        for _ in range(2):
            _, headers, _ = responses.next()
            assert headers["access-control-allow-origin"] == "*"
            assert "access-control-allow-credentials" not in headers


@pytest.mark.parametrize(
    "send",
    [
        lambda: request("POST", "/echo", b"x" * 11),
        lambda: (
            b"POST /echo HTTP/1.1\r\nhost: t\r\ntransfer-encoding: chunked\r\n\r\nb\r\n"
            + b"x" * 11
            + b"\r\n0\r\n\r\n"
        ),
        lambda: request("POST", "/page", b"x" * 11),
    ],
    ids=["said", "chunked", "asgi"],
)
def test_a_body_over_the_limit_is_413_and_closes(send: Callable[[], bytes]) -> None:
    with bare_gateway(endpoints, limits=Limits(body_bytes=10)) as server:
        answer = server.exchange(send())
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 413 ") and b"connection: close" in head
    assert error_code(body) == "RequestTooLarge"
    assert b"the limit is 10" in body


def test_a_body_at_the_limit_is_taken() -> None:
    with bare_gateway(endpoints, limits=Limits(body_bytes=10)) as server:
        assert server.exchange(request("POST", "/echo", b"x" * 10, connection="close")).endswith(b"x" * 10)


def test_compressed_bodies_are_refused() -> None:
    with bare_gateway(endpoints) as server:
        answer = server.exchange(request("POST", "/echo", b"x", content_encoding="gzip"))
    assert answer.startswith(b"HTTP/1.1 415 ")


def test_expect_continue_is_answered_before_the_body() -> None:
    with (
        bare_gateway(endpoints) as server,
        server.connect() as connection,
        Responses(connection) as responses,
    ):
        head, _, body = request("POST", "/echo", b"body", expect="100-continue").partition(b"\r\n\r\n")
        connection.sendall(head + b"\r\n\r\n")
        assert responses.next()[0] == 100
        connection.sendall(body)
        assert responses.next()[2] == b"body"


@pytest.mark.parametrize(
    "junk",
    [b"\x16\x03\x01\x02\x00\x01", b"GET\r\n\r\n", b"GET / HTTP/1.1\r\nbad header\r\n\r\n", b"\x00" * 100],
)
def test_what_is_not_http_is_400_and_closes(junk: bytes) -> None:
    with bare_gateway(endpoints) as server:
        answer = server.exchange(junk)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert error_code(answer.partition(b"\r\n\r\n")[2]) == "BadRequest"


def test_endless_headers_are_431() -> None:
    with bare_gateway(endpoints) as server, server.connect() as connection:
        connection.sendall(b"GET /text HTTP/1.1\r\n")
        with pytest.raises(OSError):  # Refused while we still send.
            for number in range(100_000):
                connection.sendall(b"h%d: %b\r\n" % (number, b"x" * 1000))
    with bare_gateway(endpoints) as server:
        answer = server.exchange(b"GET /text HTTP/1.1\r\nh: " + b"x" * 70_000)
    assert answer.startswith(b"HTTP/1.1 431 ")


def test_a_request_that_does_not_arrive_in_time_is_408() -> None:
    clock = FakeClock()
    with bare_gateway(endpoints, clock=clock) as server, server.connect() as connection:
        connection.sendall(b"POST /echo HTTP/1.1\r\nhost")
        wait_for_connections(server, 1)
        server.turn_wheel(9.0)
        server.turn_wheel(11.0)
        assert connection.recv(1000).startswith(b"HTTP/1.1 408 ")


def test_a_body_that_makes_no_progress_for_a_minute_ends_its_connection() -> None:
    unfinished = request("POST", "/echo", b"x" * 100)[:-90]
    with (
        bare_gateway(endpoints, clock=FakeClock()) as server,
        server.connect() as connection,
        Responses(connection) as responses,
    ):
        connection.sendall(request("POST", "/echo", b"whole") + unfinished)
        assert responses.next()[2] == b"whole"  # Then the head of the other one is read, too.
        server.turn_wheel(59.0)
        assert server.call(lambda: len(server.gateway.wheel)) == 1
        server.turn_wheel(61.0)
        assert connection.recv(1000) == b""


def test_silent_and_idle_connections_are_closed_and_busy_ones_are_not() -> None:
    clock = FakeClock()
    waiting: list[Request] = []

    def build(gateway: Gateway) -> None:
        endpoints(gateway)
        gateway.add("POST", "/wait", waiting.append)

    with (
        bare_gateway(build, clock=clock) as server,
        server.connect() as silent,
        server.connect() as idle,
        server.connect() as busy,
        Responses(idle) as idle_responses,
        Responses(busy) as busy_responses,
    ):
        idle.sendall(request("POST", "/echo", b"x"))
        assert idle_responses.next()[0] == 200
        busy.sendall(request("POST", "/wait"))
        wait_for_connections(server, 3)
        while not waiting:
            pass
        server.turn_wheel(11.0)
        assert silent.recv(1) == b""
        server.turn_wheel(76.0)
        assert idle.recv(1) == b""
        server.call(lambda: waiting[0].respond(200, b"at last"))
        assert busy_responses.next()[2] == b"at last"


def test_connections_beyond_the_limit_get_503() -> None:
    with bare_gateway(endpoints, limits=Limits(connections=1)) as server, server.connect() as first:
        with Responses(first) as responses:
            first.sendall(request("POST", "/echo", b"x"))
            assert responses.next()[0] == 200
            with server.connect() as second:
                answer = second.recv(1000)
        assert answer.startswith(b"HTTP/1.1 503 ") and b"retry-after: 5" in answer


def test_a_client_that_leaves_before_its_answer_is_forgotten() -> None:
    waiting: list[Request] = []
    with bare_gateway(lambda gateway: gateway.add("POST", "/wait", waiting.append)) as server:
        with server.connect() as connection:
            connection.sendall(request("POST", "/wait"))
            while not waiting:
                pass
        while not waiting[0].disconnected:
            pass
        server.call(lambda: waiting[0].respond(200, b"nobody reads this"))


def test_an_upgrade_that_is_not_to_websocket_is_answered_as_plain_http() -> None:
    ask = request("POST", "/echo", b"x", connection="Upgrade, HTTP2-Settings", upgrade="h2c")
    with (
        bare_gateway(endpoints) as server,
        server.connect() as connection,
        Responses(connection) as responses,
    ):
        connection.sendall(ask + ask)
        assert [responses.next()[2], responses.next()[2]] == [b"x", b"x"]
        connection.sendall(ask)
        assert responses.next()[2] == b"x"


def test_a_client_that_does_not_read_is_not_served_without_bound() -> None:
    """Its requests stay in its own socket while the answers wait."""
    big = b"y" * 200_000
    served: list[int] = []

    def answer(request: Request) -> None:
        served.append(1)
        request.respond(200, big)

    with (
        bare_gateway(lambda gateway: gateway.add("POST", "/big", answer)) as server,
        server.connect() as connection,
    ):
        count = 200
        connection.sendall(request("POST", "/big") * count)
        with Responses(connection) as responses:
            assert len(responses.next()[2]) == len(big)
            assert sum(served) < count
            for _ in range(count - 1):
                assert responses.next()[0] == 200


def wait_for_connections(server: Bare, count: int) -> None:
    """Until the server has taken `count` connections, and what they sent."""
    while server.call(lambda: len(server.gateway.wheel)) < count:
        pass
