#include "store_index.h"

#include "little_endian.h"
#include "store_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>

#define SLOTS_MIN 64

/* How many names on a look-up's next step comes: enough to hide a miss of main memory. */
#define LOOKUP_LEAD 8

__extension__ typedef unsigned __int128 wide;

/* Two odd constants with as many ones as zeros. */
#define MIX_A UINT64_C(0xa0761d6478bd642f)
#define MIX_B UINT64_C(0xe7037ed1a0b428db)

static inline uint64_t mix(uint64_t a, uint64_t b)
{
    wide product = (wide)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* Up to seven bytes in a word, by loads that overlap. */
static inline uint64_t short_word(const char *name, size_t name_bytes)
{
    if (name_bytes >= 4)
        return (uint64_t)le_load_u32(name) << 32 | le_load_u32(name + name_bytes - 4);
    uint64_t word = 0;
    for (size_t i = 0; i < name_bytes; i++)
        word = word << 8 | (unsigned char)name[i];
    return word;
}

/* Eight bytes a step; the last step overlaps the one before it. Never 0. */
static inline uint64_t hash_name(uint64_t seed, const char *name, size_t name_bytes)
{
    uint64_t hash = seed ^ name_bytes * MIX_A;
    if (name_bytes >= 8) {
        size_t at = 0;
        for (; at + 8 < name_bytes; at += 8)
            hash = mix(hash ^ le_load_u64(name + at), MIX_B);
        hash = mix(hash ^ le_load_u64(name + name_bytes - 8), MIX_B);
    } else {
        hash = mix(hash ^ short_word(name, name_bytes), MIX_B);
    }
    hash = mix(hash, MIX_A);
    return hash + (hash == 0);
}

int store_index_init(struct store_index *index)
{
    *index = (struct store_index){.mask = SLOTS_MIN - 1};
    index->slots = calloc(SLOTS_MIN, sizeof index->slots[0]);
    if (index->slots == NULL)
        return -ENOMEM;
    /* Sixteen random bytes that the kernel gives to every process. */
    // NOLINTNEXTLINE(performance-no-int-to-ptr): getauxval() returns pointers as numbers
    const void *random = (const void *)(uintptr_t)getauxval(AT_RANDOM);
    if (random != NULL)
        index->seed = le_load_u64(random);
    return 0;
}

void store_index_free(struct store_index *index)
{
    free(index->slots);
    index->slots = NULL;
}

static inline bool has_name(const struct series *series, const char *name, size_t name_bytes)
{
    return series->name_bytes == name_bytes && memcmp(series->name, name, name_bytes) == 0;
}

struct series *store_index_find(const struct store_index *index, const char *name,
                                size_t name_bytes)
{
    uint64_t hash = hash_name(index->seed, name, name_bytes);
    for (size_t at = hash & index->mask;; at = (at + 1) & index->mask) {
        const struct store_index_slot *slot = &index->slots[at];
        if (slot->hash == hash && has_name(slot->series, name, name_bytes))
            return slot->series;
        if (slot->hash == 0)
            return NULL;
    }
}

/* The first series that the hash leads to, for its name to be compared. */
static inline struct series *find_hash(const struct store_index *index, uint64_t hash)
{
    for (size_t at = hash & index->mask;; at = (at + 1) & index->mask) {
        const struct store_index_slot *slot = &index->slots[at];
        if (slot->hash == hash || slot->hash == 0)
            return slot->series;
    }
}

static inline void prefetch_series(const struct series *series)
{
    if (series == NULL)
        return;
    __builtin_prefetch(&series->words, 1, 3);
    __builtin_prefetch(&series->user_word, 1, 3);
    __builtin_prefetch(&series->type, 1, 3);
    __builtin_prefetch(series->name, 0, 3);
}

void store_index_find_all(const struct store_index *index, struct store_lookup *lookups,
                          size_t count)
{
    /* Three steps, each some names behind the one before, whose loads are through by then. */
    for (size_t i = 0; i < count + 2 * (size_t)LOOKUP_LEAD; i++) {
        if (i < count) {
            struct store_lookup *first = &lookups[i];
            first->hash = hash_name(index->seed, first->name, first->name_bytes);
            __builtin_prefetch(&index->slots[first->hash & index->mask], 0, 3);
        }
        if (i >= LOOKUP_LEAD && i - LOOKUP_LEAD < count) {
            struct store_lookup *second = &lookups[i - LOOKUP_LEAD];
            second->series = find_hash(index, second->hash);
            prefetch_series(second->series);
        }
        if (i >= 2 * (size_t)LOOKUP_LEAD) {
            struct store_lookup *last = &lookups[i - 2 * (size_t)LOOKUP_LEAD];
            if (last->series != NULL && !has_name(last->series, last->name, last->name_bytes))
                last->series = store_index_find(index, last->name, last->name_bytes);
        }
    }
}

void store_find_all(const struct store *store, struct store_lookup *lookups, size_t count)
{
    store_index_find_all(&store->index, lookups, count);
}

static void put(struct store_index_slot *slots, size_t mask, struct store_index_slot entry)
{
    size_t at = entry.hash & mask;
    while (slots[at].hash != 0)
        at = (at + 1) & mask;
    slots[at] = entry;
}

int store_index_insert(struct store_index *index, struct series *series)
{
    if ((index->count + 1) * 2 > index->mask + 1) {
        size_t slots_count = (index->mask + 1) * 2;
        struct store_index_slot *slots = calloc(slots_count, sizeof slots[0]);
        if (slots == NULL)
            return -ENOMEM;
        for (size_t at = 0; at <= index->mask; at++)
            if (index->slots[at].hash != 0)
                put(slots, slots_count - 1, index->slots[at]);
        free(index->slots);
        index->slots = slots;
        index->mask = slots_count - 1;
    }
    put(index->slots, index->mask,
        (struct store_index_slot){hash_name(index->seed, series->name, series->name_bytes),
                                  series});
    index->count++;
    return 0;
}

void store_index_remove(struct store_index *index, const struct series *series)
{
    size_t hole = hash_name(index->seed, series->name, series->name_bytes) & index->mask;
    while (index->slots[hole].series != series)
        hole = (hole + 1) & index->mask;
    /* What comes behind moves up, if the hole lies between its own place and
     * where it stands. */
    for (size_t at = (hole + 1) & index->mask; index->slots[at].hash != 0;
         at = (at + 1) & index->mask) {
        size_t home = index->slots[at].hash & index->mask;
        if (((at - home) & index->mask) >= ((at - hole) & index->mask)) {
            index->slots[hole] = index->slots[at];
            hole = at;
        }
    }
    index->slots[hole] = (struct store_index_slot){0};
    index->count--;
}
