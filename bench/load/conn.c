#define _GNU_SOURCE
#include "load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { SCRATCH = 4 << 20, EVENTS = 512, CONNECTIONS_PER_ADDRESS = 500 };
enum opcode { CONTINUATION = 0, TEXT = 1, BINARY = 2, CLOSE = 8, PING = 9, PONG = 10 };

static int epoll;
static struct sockaddr_in address;
static char authority[64];
static message_handler *handle;
static uint64_t bytes_received;
/* Shared by all connections: only what is unfinished is kept per connection. */
static char scratch[SCRATCH];

void net_init(const char *host, int port, message_handler *handler)
{
    epoll = epoll_create1(EPOLL_CLOEXEC);
    if (epoll < 0)
        fail("epoll_create1: %s", strerror(errno));
    address.sin_family = AF_INET;
    address.sin_port = htons((uint16_t)port);
    /* Loopback only: this program is no tool for other people's servers. */
    if (inet_pton(AF_INET, host, &address.sin_addr) != 1 || ntohl(address.sin_addr.s_addr) >> 24 != 127)
        fail("%s is not a loopback address", host);
    snprintf(authority, sizeof authority, "%s:%d", host, port);
    handle = handler;
}

static void watch(struct conn *conn, int operation, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = conn};
    if (epoll_ctl(epoll, operation, conn->fd, &event))
        fail("epoll_ctl: %s", strerror(errno));
}

static void append(char **buffer, size_t *length, size_t *capacity, const char *bytes, size_t count)
{
    if (*length + count > *capacity) {
        *capacity = *length + count + 1024;
        *buffer = realloc(*buffer, *capacity);
        if (!*buffer)
            fail("out of memory for a buffer");
    }
    memcpy(*buffer + *length, bytes, count);
    *length += count;
}

void conn_send_raw(struct conn *conn, const char *bytes, size_t length)
{
    size_t taken = 0;
    if (!conn->output_length) {
        ssize_t n = send(conn->fd, bytes, length, MSG_NOSIGNAL);
        if (n < 0 && errno != EAGAIN)
            fail("connection %u: send: %s", conn->number, strerror(errno));
        taken = n < 0 ? 0 : (size_t)n;
    }
    if (taken < length) {
        if (!conn->output_length)
            watch(conn, EPOLL_CTL_MOD, EPOLLIN | EPOLLOUT);
        append(&conn->output, &conn->output_length, &conn->output_capacity, bytes + taken, length - taken);
    }
}

static void flush_output(struct conn *conn)
{
    ssize_t n = send(conn->fd, conn->output, conn->output_length, MSG_NOSIGNAL);
    if (n < 0 && errno != EAGAIN)
        fail("connection %u: send: %s", conn->number, strerror(errno));
    if (n > 0) {
        conn->output_length -= (size_t)n;
        memmove(conn->output, conn->output + n, conn->output_length);
    }
    if (!conn->output_length)
        watch(conn, EPOLL_CTL_MOD, EPOLLIN);
}

static void send_frame(struct conn *conn, enum opcode opcode, const char *payload, size_t length)
{
    static const unsigned char mask[4] = {0x5a, 0xc3, 0x17, 0xe8};
    static char frame[65536 + 16];
    size_t at = 0;
    if (length > 65535)
        fail("a message of %zu bytes is too long", length);
    frame[at++] = (char)(0x80 | opcode);
    if (length < 126) {
        frame[at++] = (char)(0x80 | length);
    } else {
        frame[at++] = (char)(0x80 | 126);
        frame[at++] = (char)(length >> 8);
        frame[at++] = (char)(length & 255);
    }
    memcpy(frame + at, mask, 4);
    at += 4;
    for (size_t i = 0; i < length; i++)
        frame[at + i] = (char)(payload[i] ^ mask[i & 3]);
    conn_send_raw(conn, frame, at + length);
}

void conn_send_text(struct conn *conn, const char *text, size_t length)
{
    send_frame(conn, TEXT, text, length);
}

/* Spread over many loopback addresses: a server bounds its connections per address. */
static void bind_source(struct conn *conn)
{
    struct sockaddr_in source = {.sin_family = AF_INET};
    int on = 1;
    source.sin_addr.s_addr = htonl(0x7f000101u + conn->number / CONNECTIONS_PER_ADDRESS);
    setsockopt(conn->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
    if (bind(conn->fd, (struct sockaddr *)&source, sizeof source))
        fail("connection %u: bind: %s", conn->number, strerror(errno));
}

struct conn *conn_open(enum protocol protocol, uint32_t number)
{
    struct conn *conn = calloc(1, sizeof *conn);
    if (!conn)
        fail("out of memory for connection %u", number);
    conn->protocol = protocol;
    conn->number = conn->channel = number;
    conn->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (conn->fd < 0)
        fail("connection %u: socket: %s", number, strerror(errno));
    bind_source(conn);
    if (connect(conn->fd, (struct sockaddr *)&address, sizeof address))
        fail("connection %u: cannot connect to %s: %s", number, authority, strerror(errno));
    int on = 1;
    setsockopt(conn->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    fcntl(conn->fd, F_SETFL, fcntl(conn->fd, F_GETFL) | O_NONBLOCK);
    watch(conn, EPOLL_CTL_ADD, EPOLLIN);
    if (protocol == SYNC) {
        char request[512];
        int length = snprintf(request, sizeof request,
                              "GET /api/1.48.0/sync HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\n"
                              "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                              "Sec-WebSocket-Key: c3luY2xpbmUtYmVuY2gtMQ==\r\n\r\n",
                              authority);
        conn_send_raw(conn, request, (size_t)length);
    }
    return conn;
}

void conn_expect(struct conn *conn, uint64_t due)
{
    if (conn->sent_count == conn->sent_capacity) {
        uint32_t capacity = conn->sent_capacity ? 2 * conn->sent_capacity : 16;
        uint64_t *ring = malloc(capacity * sizeof *ring);
        if (!ring)
            fail("out of memory for requests");
        for (uint32_t i = 0; i < conn->sent_count; i++)
            ring[i] = conn->sent[(conn->sent_first + i) % conn->sent_capacity];
        free(conn->sent);
        conn->sent = ring;
        conn->sent_first = 0;
        conn->sent_capacity = capacity;
    }
    conn->sent[(conn->sent_first + conn->sent_count++) % conn->sent_capacity] = due;
}

uint64_t conn_answered(struct conn *conn)
{
    if (!conn->sent_count)
        fail("connection %u: an answer that nothing asked for", conn->number);
    uint64_t due = conn->sent[conn->sent_first];
    conn->sent_first = (conn->sent_first + 1) % conn->sent_capacity;
    conn->sent_count--;
    return due;
}

/* The value of a header in the head of a response, or NULL. `head` ends with a NUL. */
static const char *header(const char *head, const char *name)
{
    size_t length = strlen(name);
    for (const char *line = strstr(head, "\r\n"); line; line = strstr(line + 2, "\r\n"))
        if (!strncasecmp(line + 2, name, length) && line[2 + length] == ':')
            return line + 3 + length;
    return NULL;
}

/* Each reader returns how many bytes of the input it used, 0 if a whole unit has not arrived yet. */

static size_t read_response(struct conn *conn, char *bytes, size_t length)
{
    char *end = memmem(bytes, length, "\r\n\r\n", 4);
    if (!end)
        return 0;
    size_t head_length = (size_t)(end - bytes) + 4;
    *end = 0; /* put back below: the head is searched as a string */
    if (conn->protocol == SYNC) {
        if (strncmp(bytes, "HTTP/1.1 101", 12))
            fail("connection %u: the upgrade was refused: %s", conn->number, bytes);
        conn->upgraded = true;
        return head_length;
    }
    const char *size = header(bytes, "content-length");
    if (!size)
        fail("connection %u: a response without content-length: %s", conn->number, bytes);
    size_t body_length = (size_t)strtoull(size, NULL, 10);
    bool good = !strncmp(bytes, "HTTP/1.1 200", 12);
    *end = '\r';
    if (length < head_length + body_length)
        return 0;
    if (!good)
        fail("connection %u: %.*s", conn->number, (int)(head_length + body_length), bytes);
    handle(conn, bytes + head_length, body_length);
    return head_length + body_length;
}

static size_t read_frame(struct conn *conn, char *bytes, size_t length)
{
    const unsigned char *in = (const unsigned char *)bytes;
    if (length < 2)
        return 0;
    size_t head_length = 2, payload_length = in[1] & 127;
    if (payload_length == 126) {
        if (length < 4)
            return 0;
        payload_length = (size_t)in[2] << 8 | in[3];
        head_length = 4;
    } else if (payload_length == 127) {
        if (length < 10)
            return 0;
        payload_length = 0;
        for (int i = 2; i < 10; i++)
            payload_length = payload_length << 8 | in[i];
        head_length = 10;
    }
    if (length < head_length + payload_length)
        return 0;
    char *payload = bytes + head_length;
    if (in[0] == (0x80 | TEXT))
        handle(conn, payload, payload_length);
    else if (in[0] == (0x80 | PING))
        send_frame(conn, PONG, payload, payload_length);
    else if (in[0] == (0x80 | CLOSE))
        fail("connection %u: closed by the server: code %d %.*s", conn->number,
             payload_length < 2 ? 1005 : (unsigned char)payload[0] << 8 | (unsigned char)payload[1],
             payload_length < 2 ? 0 : (int)payload_length - 2, payload + 2);
    else if (in[0] != (0x80 | PONG))
        fail("connection %u: an unexpected frame, first byte 0x%02x", conn->number, in[0]);
    return head_length + payload_length;
}

static void receive(struct conn *conn)
{
    size_t length = conn->input_length;
    if (length + 4096 > SCRATCH)
        fail("connection %u: a message of more than %d bytes", conn->number, SCRATCH);
    memcpy(scratch, conn->input, length);
    ssize_t n = recv(conn->fd, scratch + length, SCRATCH - length, 0);
    if (n < 0 && errno == EAGAIN)
        return;
    if (n <= 0)
        fail("connection %u: lost: %s", conn->number, n ? strerror(errno) : "closed by the server");
    bytes_received += (uint64_t)n;
    length += (size_t)n;
    size_t at = 0, used;
    do {
        used = conn->upgraded ? read_frame(conn, scratch + at, length - at)
                              : read_response(conn, scratch + at, length - at);
        at += used;
    } while (used && at < length);
    conn->input_length = 0;
    if (at < length)
        append(&conn->input, &conn->input_length, &conn->input_capacity, scratch + at, length - at);
}

void net_turn(uint64_t until)
{
    static struct epoll_event events[EVENTS];
    uint64_t now = now_ns();
    /* Rounded down: the last millisecond before a due time is spent polling, not oversleeping. */
    int timeout = until <= now ? 0 : (int)((until - now) / 1000000);
    int count = epoll_wait(epoll, events, EVENTS, timeout);
    if (count < 0 && errno != EINTR)
        fail("epoll_wait: %s", strerror(errno));
    for (int i = 0; i < count; i++) {
        struct conn *conn = events[i].data.ptr;
        if (events[i].events & EPOLLOUT)
            flush_output(conn);
        if (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR))
            receive(conn);
    }
}

uint64_t net_bytes_received(void)
{
    return bytes_received;
}
