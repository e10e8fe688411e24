/* line_series.h - the series that a text names, numbered in the order of their first appearance. */
#ifndef INGEST_LINE_SERIES_H
#define INGEST_LINE_SERIES_H

#include "dtype.h"

#include <stddef.h>
#include <stdint.h>

struct line_series {
    size_t name_offset; /* into the table's names */
    uint16_t name_bytes;
    enum dtype dtype;
    size_t first_sample; /* for whoever gathers samples */
    size_t sample_count;
};

struct line_series_table {
    struct line_series *series;
    size_t count;
    size_t capacity;
    char *names;
    size_t names_bytes;
    size_t names_capacity;
    uint32_t *slots;   /* open addressing: number of a series + 1, 0 = free */
    size_t slot_count; /* a power of two, or 0 */
    uint64_t key[2];   /* of the hash: a sender cannot choose names that collide */
};

/* An empty table with a key of its own. 0 or -EIO when the system gives no random bytes. */
int line_series_table_init(struct line_series_table *table);

void line_series_table_free(struct line_series_table *table);

/* Removes the series from number `count` on; memory is kept. */
void line_series_table_cut(struct line_series_table *table, size_t count);

/* Finds a name or adds it with `dtype`. 0, -ENOMEM, or -E2BIG past `series_max`. */
int line_series_table_find(struct line_series_table *table, const char *name, size_t name_bytes,
                           enum dtype dtype, size_t series_max, uint32_t *ret_number);

/* SipHash-1-3 of some bytes, for tests. */
uint64_t line_series_hash(const uint64_t key[2], const char *bytes, size_t length);

#endif
