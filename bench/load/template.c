#define _GNU_SOURCE
#include "load.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* xorshift64*: fast, and the same sequence in each run, so that runs are alike. */
static uint64_t random_state = 0x9e3779b97f4a7c15u;

static uint64_t random_bits(void)
{
    random_state ^= random_state >> 12;
    random_state ^= random_state << 25;
    random_state ^= random_state >> 27;
    return random_state * 0x2545f4914f6cdd1du;
}

void keys_init(struct keys *keys, uint32_t count, double zipf)
{
    keys->count = count;
    keys->cumulated = NULL;
    if (zipf <= 0)
        return;
    keys->cumulated = malloc(count * sizeof *keys->cumulated);
    if (!keys->cumulated)
        fail("out of memory for %u keys", count);
    double total = 0;
    for (uint32_t i = 0; i < count; i++)
        keys->cumulated[i] = total += pow((double)i + 1, -zipf);
    for (uint32_t i = 0; i < count; i++)
        keys->cumulated[i] /= total;
}

static uint32_t draw(const struct keys *keys)
{
    if (!keys->cumulated)
        return (uint32_t)(random_bits() % keys->count);
    double u = (double)(random_bits() >> 11) / 9007199254740992.0;
    uint32_t low = 0, high = keys->count - 1;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (keys->cumulated[middle] < u)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static uint32_t draw_other(const struct keys *keys, uint32_t last)
{
    if (keys->count < 2)
        fail("%%o needs two keys");
    for (;;) {
        uint32_t key = draw(keys);
        if (key != last)
            return key;
    }
}

size_t template_fill(char *out, size_t room, const char *text, struct keys *keys, uint32_t channel,
                     uint32_t channels, uint64_t stamp)
{
    char *at = out, *end = out + room - 32; /* the longest placeholder fits in 32 bytes */
    uint32_t last = 0;
    for (; *text; text++) {
        if (at >= end)
            fail("a request is longer than %zu bytes", room);
        if (*text != '%') {
            *at++ = *text;
            continue;
        }
        switch (*++text) {
        case 'k':
            last = draw(keys);
            at += sprintf(at, "%u", last);
            break;
        case 'o':
            at += sprintf(at, "%u", draw_other(keys, last));
            break;
        case 'c':
            at += sprintf(at, "%u", channel);
            break;
        case 'r':
            at += sprintf(at, "%u", (uint32_t)(random_bits() % channels));
            break;
        case 't':
            at += sprintf(at, "@@%016llx", (unsigned long long)stamp);
            break;
        case '%':
            *at++ = '%';
            break;
        default:
            fail("unknown placeholder %%%c", *text);
        }
    }
    return (size_t)(at - out);
}

uint64_t stamp_in(const char *text, size_t length)
{
    const char *found = memmem(text, length, "@@", 2);
    if (!found || (size_t)(text + length - found) < 18)
        return 0;
    uint64_t stamp = 0;
    for (int i = 2; i < 18; i++) {
        int c = found[i];
        int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
        if (digit < 0)
            return 0;
        stamp = stamp << 4 | (uint64_t)digit;
    }
    return stamp;
}
