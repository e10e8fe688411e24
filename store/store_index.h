/* store_index.h - names to series: open addressing with linear probing, never
 * more than half full. */
#ifndef INGEST_STORE_INDEX_H
#define INGEST_STORE_INDEX_H

#include <stddef.h>
#include <stdint.h>

struct series;
struct store_lookup;

struct store_index_slot {
    uint64_t hash; /* 0 = free */
    struct series *series;
};

struct store_index {
    struct store_index_slot *slots;
    size_t mask; /* slots - 1; slots are a power of two */
    size_t count;
    uint64_t seed; /* names come from the network: which ones collide must not be
                      known to them */
};

int store_index_init(struct store_index *index); /* -ENOMEM */
void store_index_free(struct store_index *index);

/* NULL when there is none. */
struct series *store_index_find(const struct store_index *index, const char *name,
                                size_t name_bytes);

/* The same for many names at once; see store_find_all(). */
void store_index_find_all(const struct store_index *index, struct store_lookup *lookups,
                          size_t count);

/* The name is not there yet. -ENOMEM. */
int store_index_insert(struct store_index *index, struct series *series);

/* The series is there. */
void store_index_remove(struct store_index *index, const struct series *series);

#endif
