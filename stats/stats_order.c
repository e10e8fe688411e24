#include "stats_order.h"

#include "stats_key.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#define BLOCK_KEYS 512 /* room in a block */
#define BLOCK_FEW                                                                                  \
    128                /* a block with less is joined with its neighbour when both are at most ... \
                        */
#define BLOCK_MANY 384 /* ... this, so that it does not split again at once */

/* A block's place in order. */
struct entry {
    int64_t first; /* its smallest key */
    uint32_t slot; /* where its keys are */
    uint32_t count;
};

/* Where a quantile was found last. */
struct cursor {
    double fraction;
    size_t entry;
    uint64_t before; /* keys in the blocks before it */
    uint64_t count;  /* for which the place below was worked out; 0 = none */
    uint64_t low;
    double part;
};

struct stats_order {
    enum stats_kind kind;
    uint64_t count; /* keys */
    size_t entries_count;
    size_t free_count;
    size_t blocks; /* room for so many */
    size_t cursors_count;
    struct cursor *cursors;
    struct entry *entries; /* in order of keys */
    uint32_t *free_slots;
    int64_t (*keys)[BLOCK_KEYS];
};

/* Two neighbours hold more than BLOCK_MANY keys, or neither has few. */
static size_t blocks_for(size_t samples)
{
    return samples / BLOCK_FEW + 3;
}

static size_t align8(size_t bytes)
{
    return (bytes + 7) & ~(size_t)7;
}

size_t stats_order_bytes(size_t samples, size_t fractions_count)
{
    size_t blocks = blocks_for(samples), keys;
    size_t each = sizeof(int64_t[BLOCK_KEYS]) + sizeof(struct entry) + sizeof(uint32_t);
    if (blocks >= UINT32_MAX || __builtin_mul_overflow(blocks, each, &keys) ||
        keys > SIZE_MAX / 2 || fractions_count > SIZE_MAX / 4 / sizeof(struct cursor))
        return 0;
    return align8(sizeof(struct stats_order)) + fractions_count * sizeof(struct cursor) + keys + 8;
}

struct stats_order *stats_order_init(void *memory, size_t samples, enum stats_kind kind,
                                     const double *fractions, size_t fractions_count)
{
    struct stats_order *order = memory;
    *order = (struct stats_order){
        .kind = kind, .blocks = blocks_for(samples), .cursors_count = fractions_count};
    char *at = (char *)memory + align8(sizeof *order);
    order->cursors = (void *)at;
    at += fractions_count * sizeof *order->cursors;
    order->entries = (void *)at;
    at += order->blocks * sizeof *order->entries;
    order->keys = (void *)at;
    at += order->blocks * sizeof *order->keys;
    order->free_slots = (void *)at;
    for (size_t i = 0; i < fractions_count; i++)
        order->cursors[i] = (struct cursor){.fraction = fractions[i]};
    stats_order_clear(order);
    return order;
}

void stats_order_clear(struct stats_order *order)
{
    order->count = order->entries_count = 0;
    order->free_count = order->blocks;
    for (size_t i = 0; i < order->blocks; i++)
        order->free_slots[i] = (uint32_t)(order->blocks - 1 - i);
    for (size_t i = 0; i < order->cursors_count; i++)
        order->cursors[i].entry = order->cursors[i].before = 0;
}

/* Narrows a search to a quarter. Where it goes on is anybody's guess, so it is no branch. */
static inline const int64_t *search_quarter(const int64_t *from, size_t quarter, int64_t key)
{
    size_t skip = quarter & -(size_t)(from[quarter - 1] < key);
    skip += quarter & -(size_t)(from[2 * quarter - 1] < key);
    skip += quarter & -(size_t)(from[3 * quarter - 1] < key);
    return from + skip;
}

/* The number of keys below each of two, at once, so that neither search waits for the other's. */
static inline void ranks_in_block(const int64_t *keys, size_t count, int64_t a, int64_t b,
                                  size_t *ret_a, size_t *ret_b)
{
    const int64_t *from_a = keys, *from_b = keys;
    while (count > 3) {
        size_t quarter = count / 4;
        from_a = search_quarter(from_a, quarter, a);
        from_b = search_quarter(from_b, quarter, b);
        count -= 3 * quarter;
    }
    size_t rank_a = (size_t)(from_a - keys), rank_b = (size_t)(from_b - keys);
    for (size_t i = 0; i < count; i++) {
        rank_a += (size_t)(from_a[i] < a);
        rank_b += (size_t)(from_b[i] < b);
    }
    *ret_a = rank_a;
    *ret_b = rank_b;
}

static size_t rank_in_block(const int64_t *keys, size_t count, int64_t key)
{
    size_t rank, same;
    ranks_in_block(keys, count, key, key, &rank, &same);
    return rank;
}

/* The last block that begins at or before `key`, or the first. */
static size_t find_entry(const struct stats_order *order, int64_t key)
{
    size_t low = 0, high = order->entries_count;
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (order->entries[middle].first <= key)
            low = middle;
        else
            high = middle;
    }
    return low;
}

/* The keys of block `entry` became `by` more. */
static void count_keys(struct stats_order *order, size_t entry, int by)
{
    order->entries[entry].count += (uint32_t)by;
    order->count += (uint64_t)(int64_t)by;
    for (size_t i = 0; i < order->cursors_count; i++) {
        if (order->cursors[i].entry > entry)
            order->cursors[i].before += (uint64_t)(int64_t)by;
    }
}

static void insert_entry(struct stats_order *order, size_t at, int64_t first, uint32_t count)
{
    assert(order->free_count > 0);
    memmove(order->entries + at + 1, order->entries + at,
            (order->entries_count - at) * sizeof *order->entries);
    uint32_t slot = order->free_slots[--order->free_count];
    order->entries[at] = (struct entry){first, slot, count};
    order->entries_count++;
    for (size_t i = 0; i < order->cursors_count; i++)
        order->cursors[i].entry += order->cursors[i].entry >= at ? 1 : 0;
}

/* Block `at` has no keys that it does not share with the one before. */
static void remove_entry(struct stats_order *order, size_t at)
{
    order->free_slots[order->free_count++] = order->entries[at].slot;
    order->entries_count--;
    memmove(order->entries + at, order->entries + at + 1,
            (order->entries_count - at) * sizeof *order->entries);
}

static void reset_cursors(struct stats_order *order, size_t from)
{
    for (size_t i = 0; i < order->cursors_count; i++) {
        struct cursor *cursor = &order->cursors[i];
        while (cursor->entry > 0 && cursor->entry >= from)
            cursor->before -= order->entries[--cursor->entry].count;
    }
}

static void split(struct stats_order *order, size_t at)
{
    const uint32_t half = BLOCK_KEYS / 2;
    const int64_t *keys = order->keys[order->entries[at].slot];
    reset_cursors(order, at + 1);
    insert_entry(order, at + 1, keys[half], BLOCK_KEYS - half);
    memcpy(order->keys[order->entries[at + 1].slot], keys + half,
           (BLOCK_KEYS - half) * sizeof *keys);
    order->entries[at].count = half;
}

static void add_key(struct stats_order *order, int64_t key)
{
    if (order->entries_count == 0)
        insert_entry(order, 0, key, 0);
    size_t at = find_entry(order, key);
    if (order->entries[at].count == BLOCK_KEYS) {
        split(order, at);
        at += order->entries[at + 1].first <= key ? 1 : 0;
    }
    struct entry *entry = &order->entries[at];
    int64_t *keys = order->keys[entry->slot];
    size_t rank = rank_in_block(keys, entry->count, key);
    memmove(keys + rank + 1, keys + rank, (entry->count - rank) * sizeof *keys);
    keys[rank] = key;
    entry->first = keys[0];
    count_keys(order, at, 1);
}

/* Joins a block that has few keys with a neighbour; drops one that has none. */
static void join(struct stats_order *order, size_t at)
{
    struct entry *entries = order->entries;
    if (order->entries_count == 1 && entries[at].count > 0)
        return;
    size_t left = at + 1 < order->entries_count ? at : at - (at > 0 ? 1 : 0);
    if (entries[at].count == 0) {
        reset_cursors(order, at);
        remove_entry(order, at);
        return;
    }
    struct entry *a = &entries[left], *b = &entries[left + 1];
    if (a->count + b->count > BLOCK_MANY)
        return;
    reset_cursors(order, left + 1);
    memcpy(order->keys[a->slot] + a->count, order->keys[b->slot], b->count * sizeof **order->keys);
    a->count += b->count;
    remove_entry(order, left + 1);
}

static void remove_key(struct stats_order *order, int64_t key)
{
    size_t at = find_entry(order, key);
    struct entry *entry = &order->entries[at];
    int64_t *keys = order->keys[entry->slot];
    size_t rank = rank_in_block(keys, entry->count, key);
    assert(rank < entry->count && keys[rank] == key);
    count_keys(order, at, -1);
    memmove(keys + rank, keys + rank + 1, (entry->count - rank) * sizeof *keys);
    if (entry->count > 0)
        entry->first = keys[0];
    if (entry->count < BLOCK_FEW)
        join(order, at);
}

static bool is_number(const struct stats_order *order, union stats_value value)
{
    return order->kind != STATS_REAL || !isnan(value.real);
}

void stats_order_add(struct stats_order *order, union stats_value value)
{
    if (is_number(order, value))
        add_key(order, stats_key(value, order->kind));
}

void stats_order_remove(struct stats_order *order, union stats_value value)
{
    if (is_number(order, value))
        remove_key(order, stats_key(value, order->kind));
}

void stats_order_replace(struct stats_order *order, union stats_value old, union stats_value value)
{
    if (!is_number(order, old) || !is_number(order, value)) {
        stats_order_remove(order, old);
        stats_order_add(order, value);
        return;
    }
    int64_t old_key = stats_key(old, order->kind), key = stats_key(value, order->kind);
    size_t at = find_entry(order, old_key);
    struct entry *entry = &order->entries[at];
    bool inside = (at == 0 || entry->first <= key) &&
                  (at + 1 == order->entries_count || key < entry[1].first);
    if (!inside) {
        remove_key(order, old_key);
        add_key(order, key);
        return;
    }
    /* Within one block only the keys between the two places move. */
    int64_t *keys = order->keys[entry->slot];
    size_t from, to;
    ranks_in_block(keys, entry->count, old_key, key, &from, &to);
    assert(from < entry->count && keys[from] == old_key);
    /* Up or down is anybody's guess too. */
    size_t up = -(size_t)(to > from);
    size_t least = (from & up) | (to & ~up), most = (to & up) | (from & ~up);
    memmove(keys + least + (1 & ~up), keys + least + (1 & up), (most - least + up) * sizeof *keys);
    keys[to + up] = key;
    entry->first = keys[0];
}

/* The key number `rank` in order; the cursor comes to its block. */
static int64_t key_at(struct stats_order *order, struct cursor *cursor, uint64_t rank)
{
    while (rank < cursor->before)
        cursor->before -= order->entries[--cursor->entry].count;
    while (rank >= cursor->before + order->entries[cursor->entry].count)
        cursor->before += order->entries[cursor->entry++].count;
    return order->keys[order->entries[cursor->entry].slot][rank - cursor->before];
}

double stats_order_quantile(struct stats_order *order, size_t i)
{
    struct cursor *cursor = &order->cursors[i];
    if (order->count == 0)
        return (double)NAN;
    if (cursor->count != order->count) {
        cursor->part = stats_quantile_place(order->count, cursor->fraction, &cursor->low);
        cursor->count = order->count;
    }
    union stats_value a = stats_key_value(key_at(order, cursor, cursor->low), order->kind), b = a;
    if (cursor->part > 0)
        b = stats_key_value(key_at(order, cursor, cursor->low + 1), order->kind);
    return stats_quantile_between(a, b, order->kind, cursor->part);
}

double stats_quantile_place(uint64_t count, double fraction, uint64_t *ret_low)
{
    double place = (double)(count - 1) * fraction, low = floor(place);
    if (low >= (double)(count - 1)) {
        *ret_low = count - 1;
        return 0;
    }
    *ret_low = (uint64_t)low;
    return place - low;
}

static double as_double(union stats_value value, enum stats_kind kind)
{
    return kind == STATS_REAL     ? value.real
           : kind == STATS_SIGNED ? (double)value.integer
                                  : (double)value.natural;
}

double stats_quantile_between(union stats_value low, union stats_value high, enum stats_kind kind,
                              double part)
{
    double a = as_double(low, kind), b = as_double(high, kind);
    if (part <= 0 || a == b)
        return a;
    if (!isfinite(a) || !isfinite(b))
        return a + b;
    if (part == 0.5)
        return isfinite(a + b) ? (a + b) / 2 : a / 2 + b / 2;
    return part < 0.5 ? a + (b - a) * part : b - (b - a) * (1 - part);
}
