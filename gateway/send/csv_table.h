/* csv_table.h - rows of a CSV file gathered into blocks: which column is the time, which are
 * values, under which names. */
#ifndef INGEST_CSV_TABLE_H
#define INGEST_CSV_TABLE_H

#include "csv_reader.h"
#include "ingest_gateway.h"
#include "send_options.h"

struct csv_column {
    char name[WIRE_NAME_BYTES_MAX + 1]; /* of its series */
    size_t field;                       /* which field of a record */
    uint8_t *values;
    int64_t *times; /* of integers, which have no missing value: the times of those there are */
    uint32_t count; /* values there are */
};

struct csv_table {
    const struct send_options *options;
    enum dtype dtype;
    struct csv_column *columns;
    size_t column_count;
    size_t field_count; /* of the header, and so of every record */
    size_t time_field;  /* SIZE_MAX = none: a regular clock */
    enum send_time_unit time_unit;
    int64_t *times;     /* one a row, or NULL */
    uint32_t row_count; /* gathered */
    uint32_t row_capacity;
    size_t columns_per_batch; /* more columns go into several batches */
    uint64_t row_index;       /* of the first row gathered */
    int64_t t0_ns;            /* of a regular clock: of row 0; INGEST_T0_ARRIVAL */
    struct ingest_block *blocks;
};

/* Makes the table from the header row. `frame_bytes_max`: no batch will be longer. -EINVAL: the
 * options do not fit it; -EBADMSG: the header is wrong; -ENOMEM. */
int csv_table_open(const struct send_options *options, const struct csv_reader *header,
                   size_t frame_bytes_max, struct csv_table *ret_table, struct error_text *error);

/* A zeroed table is allowed. */
void csv_table_close(struct csv_table *table);

/* Adds a row; there must be room. -EBADMSG: a cell is wrong; `error` begins with line:column. */
int csv_table_add(struct csv_table *table, const struct csv_reader *record,
                  struct error_text *error);

/* Fills table->blocks with the rows gathered, of up to columns_per_batch columns from
 * `first_column` on. Returns how many blocks (0: these columns hold only missing integers);
 * *ret_next is the column to go on with. */
size_t csv_table_blocks(struct csv_table *table, size_t first_column, size_t *ret_next);

/* Forgets the rows gathered. */
void csv_table_clear(struct csv_table *table);

#endif
