#include "name_set.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SLOTS_FIRST 64

static uint64_t name_set_hash(const char *name, size_t name_bytes)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < name_bytes; i++)
        hash = (hash ^ (uint8_t)name[i]) * UINT64_C(0x100000001b3);
    return hash ^ (hash >> 32);
}

void name_set_clear(struct name_set *set)
{
    set->count = 0;
    set->round++;
}

void name_set_free(struct name_set *set)
{
    free(set->slots);
    *set = (struct name_set){.slots = NULL};
}

/* The slot that holds the name, or the free one where it would go. */
static struct name_set_slot *name_set_slot(struct name_set *set, const char *name,
                                           size_t name_bytes)
{
    assert(set->round > 0);
    size_t mask = set->slot_count - 1;
    size_t at = (size_t)name_set_hash(name, name_bytes) & mask;
    while (set->slots[at].round == set->round &&
           (set->slots[at].name_bytes != name_bytes ||
            memcmp(set->slots[at].name, name, name_bytes) != 0))
        at = (at + 1) & mask;
    return &set->slots[at];
}

static int name_set_grow(struct name_set *set)
{
    struct name_set grown = *set;
    grown.slot_count = set->slot_count == 0 ? SLOTS_FIRST : set->slot_count * 2;
    grown.slots = calloc(grown.slot_count, sizeof *grown.slots);
    if (grown.slots == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < set->slot_count; i++) {
        const struct name_set_slot *old = &set->slots[i];
        if (old->round == set->round)
            *name_set_slot(&grown, old->name, old->name_bytes) = *old;
    }
    free(set->slots);
    *set = grown;
    return 0;
}

int name_set_add(struct name_set *set, const char *name, size_t name_bytes)
{
    if ((set->count + 1) * 2 > set->slot_count) {
        int result = name_set_grow(set);
        if (result < 0)
            return result;
    }
    struct name_set_slot *slot = name_set_slot(set, name, name_bytes);
    if (slot->round == set->round)
        return 1;
    *slot = (struct name_set_slot){.round = set->round, .name = name, .name_bytes = name_bytes};
    set->count++;
    return 0;
}
