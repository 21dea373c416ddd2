/* load run  [options]   writers call a mutation (or POST a body), subscribers watch a query; prints JSON
 * load idle [options]   opens --subscribers connections, prints "ready", holds them until stdin ends
 *
 * Paces of the writers:
 *   closed   each keeps --outstanding requests under way
 *   rate     --rate requests a second in all, whatever comes back; latency counts from when they were due
 *   serial   one request, wait until every subscriber has seen it, wait --gap ms, again; --rounds times
 */
#define _GNU_SOURCE
#include "load.h"

#include <getopt.h>
#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum pace { CLOSED, RATE, SERIAL };
enum { CONNECTING = 256, REQUEST = 65536, MAX_PIDS = 32, WARM_ROUNDS = 5 };
static const uint64_t SECOND = 1000000000u;

static struct {
    const char *host, *http, *write_path, *write, *subscribe_path, *subscribe;
    int port, pids[MAX_PIDS + 1];
    uint32_t writers, outstanding, subscribers, channels, keys, rounds;
    double seconds, warmup, zipf, rate, gap;
    enum pace pace;
} option = {.host = "127.0.0.1", .write = "{}", .subscribe = "{}", .pids = {-1}, .outstanding = 1,
            .channels = 1, .keys = 1, .rounds = 100, .seconds = 5, .warmup = 1, .rate = 100, .gap = 20};

static struct conn **writers, **subscribers;
static struct keys keys;
static bool sending, measuring;
static uint64_t session_seed, round_stamp;
static uint32_t ready, reached;
static struct samples requests, deliveries, last_deliveries;
static uint64_t failures, repeated, empty, update_bytes, updates;
static char first_failure[600];

/* ---- sending ---- */

static void send_request(struct conn *conn, uint64_t due)
{
    static char filled[REQUEST], message[REQUEST + 1024];
    size_t size = template_fill(filled, sizeof filled, option.write, &keys, conn->channel,
                                option.channels, due);
    int length;
    conn_expect(conn, due);
    if (conn->protocol == HTTP) {
        length = snprintf(message, sizeof message,
                          "POST %s HTTP/1.1\r\nHost: %s:%d\r\nContent-Type: application/json\r\n"
                          "Content-Length: %zu\r\n\r\n%.*s",
                          option.http, option.host, option.port, size, (int)size, filled);
        conn_send_raw(conn, message, (size_t)length);
    } else {
        length = snprintf(message, sizeof message,
                          "{\"type\":\"Mutation\",\"requestId\":%u,\"udfPath\":\"%s\",\"args\":[%.*s]}",
                          conn->next_request++, option.write_path, (int)size, filled);
        conn_send_text(conn, message, (size_t)length);
    }
}

static void send_connect(struct conn *conn)
{
    char message[512];
    /* Sessions are unique among runs: a repeated (session, request) pair would be answered as a replay. */
    int length = snprintf(message, sizeof message,
                          "{\"type\":\"Connect\",\"sessionId\":\"%08x-5b1c-4a00-8000-%012" PRIx64 "\","
                          "\"connectionCount\":0,\"lastCloseReason\":\"InitialConnect\",\"clientTs\":0}",
                          conn->number, session_seed & 0xffffffffffffu);
    conn_send_text(conn, message, (size_t)length);
}

static void send_query_set(struct conn *conn)
{
    static char filled[REQUEST], message[REQUEST + 1024];
    int length = snprintf(message, sizeof message,
                          "{\"type\":\"ModifyQuerySet\",\"baseVersion\":0,\"newVersion\":1,"
                          "\"modifications\":[");
    if (option.subscribe_path) {
        size_t size = template_fill(filled, sizeof filled, option.subscribe, &keys, conn->channel,
                                    option.channels, now_ns());
        length += snprintf(message + length, sizeof message - (size_t)length,
                           "{\"type\":\"Add\",\"queryId\":0,\"udfPath\":\"%s\",\"args\":[%.*s]}",
                           option.subscribe_path, (int)size, filled);
    }
    length += snprintf(message + length, sizeof message - (size_t)length, "]}");
    conn_send_text(conn, message, (size_t)length);
}

/* ---- receiving ---- */

static void failed(const char *text, size_t length)
{
    if (!failures++)
        snprintf(first_failure, sizeof first_failure, "%.*s", (int)length, text);
}

static void answered(struct conn *conn, bool good, const char *text, size_t length)
{
    uint64_t due = conn_answered(conn);
    if (!good)
        failed(text, length);
    else if (measuring && option.pace != SERIAL)
        samples_add(&requests, now_ns() - due);
    if (sending && option.pace == CLOSED)
        send_request(conn, now_ns());
}

static void updated(struct conn *conn, const char *text, size_t length)
{
    uint64_t stamp = stamp_in(text, length), now = now_ns();
    if (stamp <= conn->newest_stamp) {
        repeated += conn->updates > 1;
        return;
    }
    conn->newest_stamp = stamp;
    if (conn->updates == 1) /* the first result holds stamps of earlier runs */
        return;
    if (measuring) {
        samples_add(&deliveries, now - stamp);
        update_bytes += length;
        updates++;
    }
    if (round_stamp && stamp >= round_stamp)
        reached++;
}

/* The text between the braces that follow `name`; it must be there. */
static const char *version_in(const char *text, size_t length, const char *name, size_t *size)
{
    const char *from = memmem(text, length, name, strlen(name));
    const char *open = from ? memchr(from, '{', (size_t)(text + length - from)) : NULL;
    const char *close = open ? memchr(open, '}', (size_t)(text + length - open)) : NULL;
    if (!close)
        fail("a transition without %s: %.*s", name, (int)length, text);
    *size = (size_t)(close - open);
    return open;
}

static void transition(struct conn *conn, const char *text, size_t length)
{
    size_t head = length < 600 ? length : 600, start_length, end_length;
    const char *start = version_in(text, head, "\"startVersion\"", &start_length);
    const char *end = version_in(text, head, "\"endVersion\"", &end_length);
    if (conn->version_length && (start_length != conn->version_length || memcmp(start, conn->version, start_length)))
        fail("connection %u: start %.*s after end %.*s", conn->number, (int)start_length, start,
             (int)conn->version_length, conn->version);
    if (end_length > sizeof conn->version)
        fail("connection %u: a version of %zu bytes", conn->number, end_length);
    memcpy(conn->version, end, end_length);
    conn->version_length = end_length;
    if (memmem(text, head, "\"QueryFailed\"", 13))
        fail("connection %u: %.*s", conn->number, (int)head, text);
    if (memmem(text, head, "\"QueryUpdated\"", 14)) {
        if (!conn->updates++)
            ready++;
        updated(conn, text, length);
    } else {
        empty += measuring;
        if (!option.subscribe_path && conn->updates++ == 0)
            ready++;
    }
}

static bool has_type(const char *text, size_t length, const char *type)
{
    size_t size = strlen(type);
    return length > 10 + size && !memcmp(text, "{\"type\":\"", 9) && !memcmp(text + 9, type, size);
}

static void on_message(struct conn *conn, const char *text, size_t length)
{
    size_t head = length < 200 ? length : 200;
    if (conn->protocol == HTTP)
        answered(conn, memmem(text, head, "\"status\":\"success\"", 18), text, length);
    else if (has_type(text, length, "Transition\""))
        transition(conn, text, length);
    else if (has_type(text, length, "MutationResponse\""))
        answered(conn, memmem(text, head, "\"success\":true", 14), text, length);
    else if (!has_type(text, length, "Ping\""))
        fail("connection %u: an unexpected message: %.*s", conn->number, (int)head, text);
}

/* ---- scenarios ---- */

static void wait_until_ready(uint32_t count)
{
    uint64_t limit = now_ns() + 60 * SECOND;
    while (ready < count) {
        net_turn(limit);
        if (now_ns() > limit)
            fail("only %u of %u connections had a first answer within 60 s", ready, count);
    }
}

static void open_subscribers(void)
{
    subscribers = calloc(option.subscribers + 1, sizeof *subscribers);
    for (uint32_t i = 0; i < option.subscribers; i++) {
        struct conn *conn = subscribers[i] = conn_open(SYNC, i);
        conn->channel = i % option.channels;
        while (!conn->upgraded)
            net_turn(now_ns() + SECOND);
        send_connect(conn);
        send_query_set(conn);
        if (i >= CONNECTING)
            wait_until_ready(i - CONNECTING + 1);
    }
    wait_until_ready(option.subscribers);
}

static void open_writers(void)
{
    writers = calloc(option.writers + 1, sizeof *writers);
    for (uint32_t i = 0; i < option.writers; i++) {
        struct conn *conn = writers[i] = conn_open(option.http ? HTTP : SYNC, option.subscribers + i);
        conn->channel = i % option.channels;
        while (conn->protocol == SYNC && !conn->upgraded)
            net_turn(now_ns() + SECOND);
        if (conn->protocol == SYNC)
            send_connect(conn);
    }
}

static void drain(void)
{
    uint64_t limit = now_ns() + 10 * SECOND;
    for (uint32_t i = 0; i < option.writers; i++)
        while (writers[i]->sent_count) {
            net_turn(limit);
            if (now_ns() > limit)
                fail("%u requests of connection %u were never answered", writers[i]->sent_count, i);
        }
}

struct window {
    uint64_t from, server_cpu, own_cpu, bytes;
};

static struct window open_window(void)
{
    requests.count = deliveries.count = last_deliveries.count = 0;
    repeated = empty = update_bytes = updates = 0;
    measuring = true;
    return (struct window){now_ns(), cpu_of(option.pids), cpu_of_self(), net_bytes_received()};
}

static void close_window(struct window opened)
{
    struct window closed = {now_ns(), cpu_of(option.pids), cpu_of_self(), net_bytes_received()};
    double seconds = (double)(closed.from - opened.from) / 1e9;
    measuring = sending = false;
    printf("{\"seconds\": %.3f, \"server_cpu_us\": %.0f, \"load_cpu_us\": %.0f, \"received_bytes\": %" PRIu64 ", ",
           seconds, (double)(closed.server_cpu - opened.server_cpu) / 1000,
           (double)(closed.own_cpu - opened.own_cpu) / 1000, closed.bytes - opened.bytes);
    printf("\"failures\": %" PRIu64 ", \"repeated_updates\": %" PRIu64 ", \"empty_transitions\": %" PRIu64
           ", \"update_bytes\": %.0f, ",
           failures, repeated, empty, updates ? (double)update_bytes / (double)updates : 0.0);
    samples_print(stdout, "request_us", &requests);
    printf(", ");
    samples_print(stdout, "delivery_us", &deliveries);
    printf(", ");
    samples_print(stdout, "last_delivery_us", &last_deliveries);
    printf("}\n");
}

static void run_timed(void)
{
    uint64_t begin = now_ns(), due = begin;
    uint64_t from = begin + (uint64_t)(option.warmup * 1e9);
    uint64_t until = from + (uint64_t)(option.seconds * 1e9);
    uint64_t period = (uint64_t)(1e9 / option.rate);
    uint32_t turn = 0;
    struct window window = {0};
    sending = true;
    for (uint32_t i = 0; option.pace == CLOSED && i < option.writers * option.outstanding; i++)
        send_request(writers[i % option.writers], now_ns());
    for (uint64_t now = begin; now < until; now = now_ns()) {
        if (!window.from && now >= from)
            window = open_window();
        if (option.pace == RATE)
            for (; due <= now; due += period)
                send_request(writers[turn++ % option.writers], due);
        net_turn(option.pace == RATE && due < until ? due : window.from ? until : from);
    }
    close_window(window);
    drain();
}

static void run_rounds(void)
{
    struct window window = {0};
    sending = true;
    for (uint32_t round = 0; round < WARM_ROUNDS + option.rounds; round++) {
        if (round == WARM_ROUNDS)
            window = open_window();
        reached = 0;
        round_stamp = now_ns();
        send_request(writers[round % option.writers], round_stamp);
        while (reached < option.subscribers) {
            net_turn(round_stamp + SECOND);
            if (now_ns() > round_stamp + 30 * SECOND)
                fail("round %u: only %u of %u subscribers were told within 30 s (failures: %s)", round,
                     reached, option.subscribers, first_failure);
        }
        uint64_t done = now_ns(), rest = done + (uint64_t)(option.gap * 1e6);
        if (measuring)
            samples_add(&last_deliveries, done - round_stamp);
        while (now_ns() < rest)
            net_turn(rest);
    }
    close_window(window);
    drain();
}

static void run_idle(void)
{
    puts("ready");
    fflush(stdout);
    for (;;) {
        struct pollfd input = {.fd = 0, .events = POLLIN};
        char ignored[64];
        net_turn(now_ns() + SECOND / 10);
        if (poll(&input, 1, 0) > 0 && read(0, ignored, sizeof ignored) <= 0)
            return;
    }
}

/* ---- command line ---- */

static void read_pids(char *text)
{
    int count = 0;
    for (char *part = strtok(text, ","); part; part = strtok(NULL, ",")) {
        if (count == MAX_PIDS)
            fail("more than %d server processes", MAX_PIDS);
        option.pids[count++] = atoi(part);
    }
    option.pids[count] = -1;
}

static enum pace read_pace(const char *text)
{
    if (!strcmp(text, "closed"))
        return CLOSED;
    if (!strcmp(text, "rate"))
        return RATE;
    if (!strcmp(text, "serial"))
        return SERIAL;
    fail("--pace is closed, rate or serial, not %s", text);
}

static void read_options(int count, char **arguments)
{
    enum { HOST, PORT, PIDS, SECONDS, WARMUP, WRITERS, OUTSTANDING, PACE, PER_SECOND, ROUNDS, GAP, TARGET,
           WRITE_PATH, WRITE, SUBSCRIBERS, SUBSCRIBE_PATH, SUBSCRIBE, CHANNELS, KEYS, ZIPF };
    static const char *names[] = {"host", "port", "pids", "seconds", "warmup", "writers", "outstanding",
                                  "pace", "rate", "rounds", "gap", "http", "write-path", "write",
                                  "subscribers", "subscribe-path", "subscribe", "channels", "keys", "zipf"};
    struct option known[ZIPF + 2] = {0};
    for (int i = 0; i <= ZIPF; i++)
        known[i] = (struct option){names[i], required_argument, NULL, i};
    int chosen;
    while ((chosen = getopt_long(count, arguments, "", known, NULL)) != -1)
        switch (chosen) {
        case HOST: option.host = optarg; break;
        case PORT: option.port = atoi(optarg); break;
        case PIDS: read_pids(optarg); break;
        case SECONDS: option.seconds = atof(optarg); break;
        case WARMUP: option.warmup = atof(optarg); break;
        case WRITERS: option.writers = (uint32_t)atoi(optarg); break;
        case OUTSTANDING: option.outstanding = (uint32_t)atoi(optarg); break;
        case PACE: option.pace = read_pace(optarg); break;
        case PER_SECOND: option.rate = atof(optarg); break;
        case ROUNDS: option.rounds = (uint32_t)atoi(optarg); break;
        case GAP: option.gap = atof(optarg); break;
        case TARGET: option.http = optarg; break;
        case WRITE_PATH: option.write_path = optarg; break;
        case WRITE: option.write = optarg; break;
        case SUBSCRIBERS: option.subscribers = (uint32_t)atoi(optarg); break;
        case SUBSCRIBE_PATH: option.subscribe_path = optarg; break;
        case SUBSCRIBE: option.subscribe = optarg; break;
        case CHANNELS: option.channels = (uint32_t)atoi(optarg); break;
        case KEYS: option.keys = (uint32_t)atoi(optarg); break;
        case ZIPF: option.zipf = atof(optarg); break;
        default: exit(2);
        }
}

int main(int count, char **arguments)
{
    if (count < 2 || (strcmp(arguments[1], "run") && strcmp(arguments[1], "idle")))
        fail("usage: load run|idle --port N [options]; see the head of main.c");
    bool idle = !strcmp(arguments[1], "idle");
    read_options(count - 1, arguments + 1);
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    session_seed = now_ns() ^ (uint64_t)getpid() << 40;
    keys_init(&keys, option.keys, option.zipf);
    net_init(option.host, option.port, on_message);
    open_subscribers();
    if (idle) {
        run_idle();
        return 0;
    }
    if (!option.writers)
        fail("nothing to do without --writers");
    open_writers();
    option.pace == SERIAL ? run_rounds() : run_timed();
    if (failures)
        fail("%" PRIu64 " calls failed, the first with: %s", failures, first_failure);
    return 0;
}
