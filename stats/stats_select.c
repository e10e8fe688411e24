#include "stats_select.h"

#include "stats_key.h"
#include "stats_order.h"

#include <math.h>
#include <string.h>

#define DIGIT_BITS  12
#define DIGITS      (1U << DIGIT_BITS)
#define BUFFER_KEYS 16384

/* A sample that is wanted: the one number `rank` among those whose leading bits are `prefix`. */
struct target {
    uint64_t rank;
    uint64_t prefix;
    size_t group; /* among the distinct prefixes */
};

struct stats_select {
    enum stats_kind kind;
    size_t fractions_count, groups_count;
    uint64_t count;      /* numbers in the set; known after the first pass */
    unsigned known_bits; /* of each target */
    size_t kept; /* keys in the buffer that share a target's bits; above its size: too many */
    double *fractions;
    struct target *targets; /* two a fraction */
    uint64_t *prefixes;     /* of the groups, growing */
    uint64_t (*counts)[DIGITS];
    uint64_t *buffer;
};

size_t stats_select_bytes(size_t fractions_count)
{
    size_t each =
        sizeof(double) + 2 * (sizeof(struct target) + sizeof(uint64_t) + sizeof(uint64_t[DIGITS]));
    size_t bytes;
    if (__builtin_mul_overflow(fractions_count, each, &bytes) ||
        __builtin_add_overflow(bytes, sizeof(struct stats_select) + BUFFER_KEYS * sizeof(uint64_t),
                               &bytes))
        return 0;
    return bytes;
}

struct stats_select *stats_select_init(void *memory, enum stats_kind kind, const double *fractions,
                                       size_t fractions_count)
{
    struct stats_select *select = memory;
    size_t targets = 2 * fractions_count;
    select->kind = kind;
    select->fractions_count = fractions_count;
    select->fractions = (void *)(select + 1);
    select->targets = (void *)(select->fractions + fractions_count);
    select->prefixes = (void *)(select->targets + targets);
    select->counts = (void *)(select->prefixes + targets);
    select->buffer = (void *)(select->counts + targets);
    memcpy(select->fractions, fractions, fractions_count * sizeof *fractions);
    stats_select_clear(select);
    return select;
}

void stats_select_clear(struct stats_select *select)
{
    select->count = select->known_bits = 0;
    select->kept = 0;
    select->groups_count = 1;
    select->prefixes[0] = 0;
    for (size_t i = 0; i < 2 * select->fractions_count; i++)
        select->targets[i] = (struct target){0};
    memset(select->counts[0], 0, sizeof select->counts[0]);
}

/* The digit that is counted now. Of the last one only four bits are left. */
static unsigned digit_bits(const struct stats_select *select)
{
    return 64 - select->known_bits < DIGIT_BITS ? 64 - select->known_bits : DIGIT_BITS;
}

static bool find_group(const struct stats_select *select, uint64_t prefix, size_t *ret_group)
{
    for (size_t g = 0; g < select->groups_count; g++) {
        if (select->prefixes[g] == prefix) {
            *ret_group = g;
            return true;
        }
    }
    return false;
}

static bool count_key(struct stats_select *select, uint64_t key)
{
    size_t group = 0;
    unsigned bits = digit_bits(select);
    if (select->known_bits > 0 && !find_group(select, key >> (64 - select->known_bits), &group))
        return false;
    select->counts[group][key >> (64 - select->known_bits - bits) & ((1U << bits) - 1)]++;
    return true;
}

void stats_select_add(struct stats_select *select, const union stats_value *values, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (select->kind == STATS_REAL && isnan(values[i].real))
            continue;
        uint64_t key = (uint64_t)stats_key(values[i], select->kind) ^ UINT64_C(1) << 63;
        if (!count_key(select, key))
            continue;
        if (select->kept < BUFFER_KEYS)
            select->buffer[select->kept] = key;
        select->kept += select->kept <= BUFFER_KEYS ? 1 : 0;
        select->count += select->known_bits == 0 ? 1 : 0;
    }
}

/* Which samples are wanted, now that it is known how many there are. */
static void set_ranks(struct stats_select *select)
{
    for (size_t i = 0; i < select->fractions_count; i++) {
        uint64_t low;
        double part = stats_quantile_place(select->count, select->fractions[i], &low);
        select->targets[2 * i].rank = low;
        select->targets[2 * i + 1].rank = part > 0 ? low + 1 : low;
    }
}

/* Appends the digit to what is known of each target. */
static void narrow(struct stats_select *select)
{
    unsigned bits = digit_bits(select);
    for (size_t i = 0; i < 2 * select->fractions_count; i++) {
        struct target *target = &select->targets[i];
        const uint64_t *counts = select->counts[target->group];
        uint64_t digit = 0;
        while (target->rank >= counts[digit])
            target->rank -= counts[digit++];
        target->prefix = target->prefix << bits | digit;
    }
    select->known_bits += bits;
    select->groups_count = 0;
    for (size_t i = 0; i < 2 * select->fractions_count; i++) {
        struct target *target = &select->targets[i];
        if (!find_group(select, target->prefix, &target->group)) {
            target->group = select->groups_count++;
            select->prefixes[target->group] = target->prefix;
            memset(select->counts[target->group], 0, sizeof select->counts[0]);
        }
    }
}

bool stats_select_again(struct stats_select *select)
{
    if (select->count == 0)
        return false;
    if (select->known_bits == 0)
        set_ranks(select);
    for (;;) {
        bool all_kept = select->kept <= BUFFER_KEYS;
        narrow(select);
        if (select->known_bits == 64)
            return false;
        if (!all_kept) {
            select->kept = 0;
            return true;
        }
        size_t kept = 0;
        for (size_t i = 0; i < select->kept; i++) {
            uint64_t key = select->buffer[i];
            select->buffer[kept] = key;
            kept += count_key(select, key) ? 1 : 0;
        }
        select->kept = kept;
    }
}

double stats_select_quantile(const struct stats_select *select, size_t i)
{
    uint64_t low;
    if (select->count == 0)
        return (double)NAN;
    double part = stats_quantile_place(select->count, select->fractions[i], &low);
    union stats_value a, b;
    a = stats_key_value((int64_t)(select->targets[2 * i].prefix ^ UINT64_C(1) << 63), select->kind);
    b = stats_key_value((int64_t)(select->targets[2 * i + 1].prefix ^ UINT64_C(1) << 63),
                        select->kind);
    return stats_quantile_between(a, b, select->kind, part);
}
