#define _GNU_SOURCE
#include "load.h"

#include <stdarg.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

_Noreturn void fail(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fputs("load: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    exit(1);
}

uint64_t now_ns(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

void samples_add(struct samples *samples, uint64_t value)
{
    if (samples->count == samples->capacity) {
        samples->capacity = samples->capacity ? 2 * samples->capacity : 4096;
        samples->values = realloc(samples->values, samples->capacity * sizeof *samples->values);
        if (!samples->values)
            fail("out of memory for samples");
    }
    samples->values[samples->count++] = value;
}

static int compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static double quantile(const struct samples *samples, double q)
{
    if (!samples->count)
        return 0;
    size_t at = (size_t)(q * (double)(samples->count - 1) + 0.5);
    return (double)samples->values[at] / 1000.0;
}

void samples_print(FILE *out, const char *name, struct samples *samples)
{
    double total = 0;
    for (size_t i = 0; i < samples->count; i++)
        total += (double)samples->values[i];
    if (samples->count)
        qsort(samples->values, samples->count, sizeof *samples->values, compare);
    fprintf(out,
            "\"%s\": {\"count\": %zu, \"mean\": %.1f, \"p50\": %.1f, \"p90\": %.1f, \"p99\": %.1f, "
            "\"p999\": %.1f, \"max\": %.1f}",
            name, samples->count, samples->count ? total / 1000.0 / (double)samples->count : 0.0,
            quantile(samples, 0.5), quantile(samples, 0.9), quantile(samples, 0.99),
            quantile(samples, 0.999), quantile(samples, 1.0));
}

uint64_t cpu_of(const int *pids)
{
    uint64_t total = 0;
    for (; *pids != -1; pids++) {
        clockid_t clock;
        struct timespec time;
        if (clock_getcpuclockid(*pids, &clock) || clock_gettime(clock, &time))
            fail("process %d of the server is gone", *pids);
        total += (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
    }
    return total;
}

uint64_t cpu_of_self(void)
{
    struct timespec time;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}
