/* name_set.h - names seen in one batch, to find one that comes twice. Emptied in no time, and kept
 * for the next batch. */
#ifndef INGEST_NAME_SET_H
#define INGEST_NAME_SET_H

#include <stddef.h>
#include <stdint.h>

struct name_set_slot {
    uint64_t round; /* the slot is free in every other round */
    const char *name;
    size_t name_bytes;
};

/* Zeroed, it is an empty set. */
struct name_set {
    struct name_set_slot *slots; /* open addressing, linear probing */
    size_t slot_count;           /* a power of two, at least twice the names */
    size_t count;
    uint64_t round; /* at least 1 after the first name_set_clear() */
};

/* Must come before the first name_set_add(), too. */
void name_set_clear(struct name_set *set);
void name_set_free(struct name_set *set);

/* Adds a name, by reference. 0 when it is new, 1 when it was there, -ENOMEM. */
int name_set_add(struct name_set *set, const char *name, size_t name_bytes);

#endif
