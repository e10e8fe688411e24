/* journal_record.h - one record of the journal as it is put together, in memory. */
#ifndef INGEST_JOURNAL_RECORD_H
#define INGEST_JOURNAL_RECORD_H

#include "reserve.h"
#include "series_type.h"
#include "store.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What recovery needs to make a series again. `name` is not terminated. */
struct journal_description {
    uint64_t id;
    uint64_t capacity; /* 0 = grow */
    int64_t created_ns;
    struct series_type type;
    const char *name;
    size_t name_bytes;
};

/* A session's entry in a head whose batch is not counted as stored: it was taken in part. */
struct journal_entry {
    uint64_t session;
    uint64_t sequence;
    uint64_t count; /* that the batch brought the series to */
};

/* Rows that lie in a ring: two spans, the second one across the seam. */
struct journal_span {
    const void *bytes[2];
    size_t byte_count[2];
};

/* What a record says of one series. */
struct journal_item {
    uint32_t slot;
    const struct journal_description *description; /* NULL: the journal has it already */
    bool is_removed;
    uint64_t count; /* that the record brings the series to */
    uint64_t rows;  /* inline: indexes [count - rows, count); 0 = the columns have them */
    bool has_runs;
    uint64_t runs_count;
    uint64_t runs; /* inline, likewise */
    bool has_reserve;
    enum reserve_level rows_reserve;
    enum reserve_level runs_reserve;
    const struct journal_entry *entries;
    size_t entry_count;
    struct journal_span values;
    struct journal_span stamps; /* times of the rows, or the runs */
};

/* Grows as it is written to. A failed allocation is kept in mind and told at the end. */
struct journal_record {
    uint8_t *bytes;
    size_t byte_count;
    size_t capacity;
    uint32_t item_count;
    uint32_t session_count;
    bool has_failed;
};

/* Sessions come first, then items. Session numbers are not 0. */
void journal_record_begin(struct journal_record *record, size_t bytes_expected);
void journal_record_add_session(struct journal_record *record, const struct store_session *session);
void journal_record_add_item(struct journal_record *record, const struct journal_item *item);

/* What the item takes at most, beside its rows, stamps and runs. */
size_t journal_item_bytes_max(const struct journal_item *item);

/* Pads the record to whole blocks. -ENOMEM when there was no memory for part of it; -EFBIG above
 * 4 GiB. */
int journal_record_end(struct journal_record *record, uint64_t id_highest, int64_t now_ns);

/* What is known only when the record is written: its place, and then its checksum. */
void journal_record_seal(struct journal_record *record, uint64_t salt, uint64_t number,
                         uint64_t record_number);

void journal_record_free(struct journal_record *record);

#endif
