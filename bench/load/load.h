/* A load generator for Syncline: HTTP keep-alive and the sync protocol, one thread, epoll.
 *
 *   stats.c     samples, percentiles, CPU clocks
 *   template.c  request bodies with drawn keys and time stamps in them
 *   conn.c      sockets: connect, buffer, split into responses and frames
 *   main.c      scenarios: post, live, idle
 *
 * Times are nanoseconds of CLOCK_MONOTONIC. Any unexpected answer ends the program with a message: a
 * figure measured beside errors is worth nothing.
 */
#ifndef SYNCLINE_LOAD_H
#define SYNCLINE_LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* ---- stats.c ---- */

struct samples {
    uint64_t *values;
    size_t count, capacity;
};

uint64_t now_ns(void);
void samples_add(struct samples *samples, uint64_t value);
/* Sorts, then prints `"name": {"count": ..., "p50": ..., ...}` in microseconds. */
void samples_print(FILE *out, const char *name, struct samples *samples);
/* CPU time (user and system, all threads) of processes, in ns; -1 among the pids ends the list. */
uint64_t cpu_of(const int *pids);
uint64_t cpu_of_self(void);
_Noreturn void fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* ---- template.c ---- */

/* Text with placeholders:
 *   %k  a key drawn from the distribution     %o  another key, different from the last %k
 *   %c  the connection's channel              %t  a stamp: "@@" and the time as 16 hex digits
 *   %r  a channel drawn evenly                %%  a percent sign
 */
struct keys {
    uint32_t count;    /* keys are 0 .. count-1 */
    double *cumulated; /* NULL: all alike; else the distribution function of a Zipf law */
};

void keys_init(struct keys *keys, uint32_t count, double zipf);
size_t template_fill(char *out, size_t room, const char *text, struct keys *keys, uint32_t channel,
                     uint32_t channels, uint64_t stamp);
/* The first stamp in a message, or 0. Results are newest first, so this is the newest. */
uint64_t stamp_in(const char *text, size_t length);

/* ---- conn.c ---- */

enum protocol { HTTP, SYNC };

struct conn {
    int fd;
    enum protocol protocol;
    bool upgraded;
    uint32_t number, channel;
    char *input; /* what has arrived of an unfinished message */
    size_t input_length, input_capacity;
    char *output; /* what the kernel did not take yet */
    size_t output_length, output_capacity;
    uint64_t *sent; /* when the requests that wait for an answer were due, oldest first (a ring) */
    uint32_t sent_first, sent_count, sent_capacity;
    uint32_t next_request;
    uint64_t newest_stamp;
    uint64_t updates;
    char version[160]; /* the end version of the last transition, as text */
    size_t version_length;
};

/* Called for each whole HTTP body or text frame. */
typedef void message_handler(struct conn *conn, const char *text, size_t length);

void net_init(const char *host, int port, message_handler *handler);
struct conn *conn_open(enum protocol protocol, uint32_t number);
void conn_send_text(struct conn *conn, const char *text, size_t length);
void conn_send_raw(struct conn *conn, const char *bytes, size_t length);
void conn_expect(struct conn *conn, uint64_t due);
uint64_t conn_answered(struct conn *conn);
/* Handle what has arrived, waiting at most until `until` for something. */
void net_turn(uint64_t until);
uint64_t net_bytes_received(void);

#endif
