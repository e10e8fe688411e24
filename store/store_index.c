#include "store_index.h"

#include "little_endian.h"
#include "series_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>

#define SLOTS_MIN 1024

__extension__ typedef unsigned __int128 wide;

/* Two odd constants with as many ones as zeros. */
#define MIX_A UINT64_C(0xa0761d6478bd642f)
#define MIX_B UINT64_C(0xe7037ed1a0b428db)

static inline uint64_t mix(uint64_t a, uint64_t b)
{
    wide product = (wide)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
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
        uint64_t word = 0;
        memcpy(&word, name, name_bytes);
        hash = mix(hash ^ word, MIX_B);
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

struct series *store_index_find(const struct store_index *index, const char *name,
                                size_t name_bytes)
{
    uint64_t hash = hash_name(index->seed, name, name_bytes);
    for (size_t at = hash & index->mask;; at = (at + 1) & index->mask) {
        const struct store_index_slot *slot = &index->slots[at];
        if (slot->hash == hash && slot->series->name_bytes == name_bytes &&
            memcmp(slot->series->name, name, name_bytes) == 0)
            return slot->series;
        if (slot->hash == 0)
            return NULL;
    }
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
