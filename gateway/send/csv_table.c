#include "csv_table.h"

#include "csv_cells.h"
#include "regular_clock.h"
#include "series_path.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define ROWS_DEFAULT 1250
/* Batches of many columns are kept to this unless --batch says more. */
#define FRAME_BYTES_USUAL ((size_t)256 * 1024)
/* Making a series takes the daemon milliseconds, in which it answers nobody. */
#define COLUMNS_PER_BATCH_MAX 256
/* Block header, padding and the longest name. */
#define BLOCK_OVERHEAD_BYTES 304

static int find_time(struct csv_table *table, const struct csv_reader *header,
                     struct error_text *error)
{
    const struct send_options *options = table->options;
    table->time_field = SIZE_MAX;
    for (size_t i = 0; i < header->field_count && table->time_field == SIZE_MAX; i++) {
        const char *text = header->fields[i].text;
        if (options->time_column != NULL ? strcasecmp(text, options->time_column) == 0
                                         : csv_is_time_header(text))
            table->time_field = i;
    }
    bool is_found = table->time_field != SIZE_MAX;
    if (is_found && options->period_ps != 0)
        return error_set(error, -EINVAL,
                         "there is a time column (%s) and --rate: leave one of them out",
                         header->fields[table->time_field].text);
    if (is_found || options->period_ps != 0)
        return 0;
    if (options->time_column != NULL)
        return error_set(error, -EBADMSG, "no column is named '%s' (--time-column)",
                         options->time_column);
    return error_set(error, -EINVAL,
                     "no column is named time, timestamp, ts, date or datetime: name it with "
                     "--time-column, or give --rate HZ");
}

static int name_column(struct csv_table *table, struct csv_column *column,
                       const struct csv_field *field, struct error_text *error)
{
    const char *series = table->options->series;
    if (strlen(series) >= sizeof column->name)
        return error_set(error, -EINVAL, "--series: a name has at most %d bytes",
                         WIRE_NAME_BYTES_MAX);
    memcpy(column->name, series, strlen(series) + 1);
    if (table->column_count == 1)
        return 0;
    if (field->length == 0)
        return error_set(error, -EBADMSG, "1:%zu: a column without a name", field->column);
    if (!series_path_append(column->name, sizeof column->name, field->text))
        return error_set(error, -EBADMSG, "1:%zu: with '%s' the series' name is too long",
                         field->column, field->text);
    for (const struct csv_column *other = table->columns; other < column; other++)
        if (strcmp(other->name, column->name) == 0)
            return error_set(error, -EBADMSG, "1:%zu: two columns are named '%s'", field->column,
                             field->text);
    return 0;
}

static void choose_sizes(struct csv_table *table, size_t frame_bytes_max)
{
    size_t cell_bytes = dtype_size(table->dtype) + (dtype_is_float(table->dtype) ? 0 : 8);
    uint32_t rows = table->options->batch_samples;
    size_t limit = frame_bytes_max;
    if (rows == 0) {
        rows = ROWS_DEFAULT;
        if (limit > FRAME_BYTES_USUAL)
            limit = FRAME_BYTES_USUAL;
    }
    while (rows > 1 && (uint64_t)rows * (8 + cell_bytes * (uint64_t)table->column_count) +
                               (uint64_t)BLOCK_OVERHEAD_BYTES * (table->column_count + 1) >
                           limit)
        rows /= 2;
    table->row_capacity = rows;

    size_t column_bytes = BLOCK_OVERHEAD_BYTES + cell_bytes * rows;
    size_t fixed_bytes = BLOCK_OVERHEAD_BYTES + 8 * (size_t)rows;
    size_t columns = limit > fixed_bytes ? (limit - fixed_bytes) / column_bytes : 0;
    if (columns > COLUMNS_PER_BATCH_MAX)
        columns = COLUMNS_PER_BATCH_MAX;
    table->columns_per_batch = columns > 0 ? columns : 1;
}

static int allocate(struct csv_table *table)
{
    size_t rows = table->row_capacity;
    table->blocks = calloc(table->column_count, sizeof *table->blocks);
    if (table->blocks == NULL)
        return -ENOMEM;
    if (table->time_field != SIZE_MAX) {
        table->times = malloc(rows * sizeof *table->times);
        if (table->times == NULL)
            return -ENOMEM;
    }
    for (size_t i = 0; i < table->column_count; i++) {
        struct csv_column *column = &table->columns[i];
        column->values = malloc(rows * dtype_size(table->dtype));
        if (!dtype_is_float(table->dtype) && table->times != NULL)
            column->times = malloc(rows * sizeof *column->times);
        if (column->values == NULL ||
            (!dtype_is_float(table->dtype) && table->times != NULL && column->times == NULL))
            return -ENOMEM;
    }
    return 0;
}

int csv_table_open(const struct send_options *options, const struct csv_reader *header,
                   size_t frame_bytes_max, struct csv_table *ret_table, struct error_text *error)
{
    struct csv_table table = {.options = options,
                              .dtype = options->dtype != DTYPE_NONE ? options->dtype : DTYPE_F8,
                              .time_unit = options->time_unit,
                              .field_count = header->field_count,
                              .t0_ns = options->has_t0 ? options->t0_ns : INGEST_T0_ARRIVAL};
    int result = find_time(&table, header, error);
    if (result < 0)
        return result;
    size_t value_count = header->field_count - (table.time_field != SIZE_MAX);
    if (value_count == 0)
        return error_set(error, -EBADMSG, "no column beside the time");
    table.columns = calloc(value_count, sizeof *table.columns);
    if (table.columns == NULL)
        return error_set(error, -ENOMEM, "out of memory");
    table.column_count = value_count;
    struct csv_column *column = table.columns;
    for (size_t i = 0; i < header->field_count && result == 0; i++) {
        if (i == table.time_field)
            continue;
        column->field = i;
        result = name_column(&table, column, &header->fields[i], error);
        column++;
    }
    if (result == 0) {
        choose_sizes(&table, frame_bytes_max);
        result = allocate(&table);
        if (result < 0)
            (void)error_set(error, result, "out of memory");
    }
    if (result < 0)
        csv_table_close(&table);
    else
        *ret_table = table;
    return result;
}

void csv_table_close(struct csv_table *table)
{
    for (size_t i = 0; i < table->column_count; i++) {
        free(table->columns[i].values);
        free(table->columns[i].times);
    }
    free(table->columns);
    free(table->times);
    free(table->blocks);
    *table = (struct csv_table){0};
}

static int add_time(struct csv_table *table, const struct csv_reader *record,
                    struct error_text *error)
{
    const struct csv_field *field = &record->fields[table->time_field];
    /* The first row tells what the numbers of this file are. */
    if (table->time_unit == TIME_UNIT_GUESS)
        table->time_unit = csv_guess_unit(field->text, field->length);
    if (csv_parse_time(field->text, field->length, table->time_unit,
                       &table->times[table->row_count]))
        return 0;
    return error_set(error, -EBADMSG,
                     "%" PRIu64 ":%zu: '%s' is not a time (as 2024-05-01T12:00:00Z, "
                     "or a number since 1970, see --time-unit)",
                     record->line, field->column, field->text);
}

static void add_missing(struct csv_table *table, struct csv_column *column)
{
    if (table->dtype == DTYPE_F8)
        ((double *)(void *)column->values)[column->count] = (double)NAN;
    else
        ((float *)(void *)column->values)[column->count] = NAN;
    column->count++;
}

static int add_value(struct csv_table *table, struct csv_column *column,
                     const struct csv_reader *record, struct error_text *error)
{
    const struct csv_field *field = &record->fields[column->field];
    if (field->length == 0) {
        if (dtype_is_float(table->dtype)) {
            add_missing(table, column);
            return 0;
        }
        if (table->times != NULL)
            return 0;
        return error_set(error, -EBADMSG,
                         "%" PRIu64 ":%zu: an empty cell: %s has no missing value, and --rate no "
                         "gaps (use --dtype f8)",
                         record->line, field->column, dtype_name(table->dtype));
    }
    void *to = column->values + column->count * dtype_size(table->dtype);
    if (!csv_parse_number(field->text, field->length, table->dtype, to))
        return error_set(error, -EBADMSG, "%" PRIu64 ":%zu: '%s' is not a number of dtype %s",
                         record->line, field->column, field->text, dtype_name(table->dtype));
    if (column->times != NULL && table->times != NULL)
        column->times[column->count] = table->times[table->row_count];
    column->count++;
    return 0;
}

int csv_table_add(struct csv_table *table, const struct csv_reader *record,
                  struct error_text *error)
{
    assert(table->row_count < table->row_capacity);
    if (record->field_count != table->field_count)
        return error_set(error, -EBADMSG, "%" PRIu64 ":1: %zu cells, but the header has %zu",
                         record->line, record->field_count, table->field_count);
    int result = table->times != NULL ? add_time(table, record, error) : 0;
    for (size_t i = 0; i < table->column_count && result == 0; i++)
        result = add_value(table, &table->columns[i], record, error);
    if (result == 0)
        table->row_count++;
    return result;
}

size_t csv_table_blocks(struct csv_table *table, size_t first_column, size_t *ret_next)
{
    size_t end = first_column + table->columns_per_batch;
    if (end > table->column_count)
        end = table->column_count;
    size_t block_count = 0;
    bool has_all_times = false; /* the block before has the times of all rows */
    for (size_t i = first_column; i < end; i++) {
        const struct csv_column *column = &table->columns[i];
        if (column->count == 0)
            continue;
        struct ingest_block *block = &table->blocks[block_count++];
        *block = (struct ingest_block){.name = column->name,
                                       .dtype = dtype_name(table->dtype),
                                       .count = column->count,
                                       .values = column->values};
        bool is_complete = column->count == table->row_count;
        if (table->times == NULL) {
            block->clock = INGEST_REGULAR;
            block->period_ps = table->options->period_ps;
            block->t0_ns = table->t0_ns;
            if (table->t0_ns != INGEST_T0_ARRIVAL)
                block->t0_ns += regular_clock_ns(table->row_index, block->period_ps);
        } else if (is_complete && has_all_times) {
            block->clock = INGEST_PREVIOUS;
        } else {
            block->clock = INGEST_EXPLICIT;
            block->times_ns = is_complete ? table->times : column->times;
        }
        has_all_times = is_complete;
    }
    *ret_next = end;
    return block_count;
}

void csv_table_clear(struct csv_table *table)
{
    table->row_index += table->row_count;
    table->row_count = 0;
    for (size_t i = 0; i < table->column_count; i++)
        table->columns[i].count = 0;
}
