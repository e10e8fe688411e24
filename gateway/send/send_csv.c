/* Sends a CSV file: the header row names the columns, one of them is the time, each other one is a
 * series. */
#include "send.h"

#include "clock_ns.h"
#include "csv_table.h"
#include "input_stream.h"
#include "regular_clock.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#define TEXT_BYTES_FIRST ((size_t)256 * 1024)
/* A record that is longer is a quote that nobody closed. */
#define RECORD_BYTES_MAX ((size_t)16 * 1024 * 1024)
/* Rows of a live stream are sent on after that long, also when they fill no batch. */
#define IDLE_NS (500 * NS_PER_MS)

struct csv_source {
    const struct send_options *options;
    struct sender *sender;
    struct input_stream stream;
    struct csv_reader reader;
    struct csv_table table;
    bool has_header;
    char *text; /* one byte longer than its capacity, for the reader */
    size_t text_capacity;
    size_t text_used;
    bool is_counting; /* a first pass, only to know how many rows there are */
    uint64_t rows_counted;
};

static int fail(const struct csv_source *source, int result, const struct error_text *error)
{
    const char *name = source->stream.name;
    if (result == -EINVAL)
        return send_fail(EX_USAGE, "%s: %s", name, error->text);
    if (result == -ENOMEM)
        return send_fail(EX_OSERR, "out of memory");
    return send_fail(EX_DATAERR, "%s:%s%s", name,
                     error->text[0] >= '0' && error->text[0] <= '9' ? "" : " ", error->text);
}

static int push_rows(struct csv_source *source)
{
    struct csv_table *table = &source->table;
    if (table->row_count == 0)
        return 0;
    int status = 0;
    for (size_t column = 0; column < table->column_count && status == 0;) {
        size_t block_count = csv_table_blocks(table, column, &column);
        if (block_count > 0)
            status = sender_push(source->sender, table->blocks, block_count);
    }
    csv_table_clear(table);
    return status;
}

static int take_record(struct csv_source *source)
{
    struct error_text error = {""};
    int result;
    if (source->reader.field_count == 0) /* an empty line */
        return 0;
    if (!source->has_header) {
        source->has_header = true;
        if (source->is_counting)
            return 0;
        result = csv_table_open(source->options, &source->reader,
                                sender_frame_bytes_max(source->sender), &source->table, &error);
        return result < 0 ? fail(source, result, &error) : 0;
    }
    if (source->is_counting) {
        source->rows_counted++;
        return 0;
    }
    result = csv_table_add(&source->table, &source->reader, &error);
    if (result < 0)
        return fail(source, result, &error);
    return source->table.row_count == source->table.row_capacity ? push_rows(source) : 0;
}

/* Takes the whole records that are in the text. */
static int take_records(struct csv_source *source)
{
    size_t begin = 0;
    for (;;) {
        struct error_text error = {""};
        size_t used;
        int result =
            csv_reader_next(&source->reader, source->text + begin, source->text_used - begin,
                            source->stream.is_end, &used, &error);
        if (result < 0)
            return fail(source, result, &error);
        if (result == 0)
            break;
        begin += used;
        int status = take_record(source);
        if (status != 0)
            return status;
    }
    source->text_used -= begin;
    memmove(source->text, source->text + begin, source->text_used);
    return 0;
}

static int make_room(struct csv_source *source)
{
    if (source->text_used < source->text_capacity)
        return 0;
    if (source->text_capacity >= RECORD_BYTES_MAX)
        return send_fail(EX_DATAERR,
                         "%s:%" PRIu64 ":1: a row of more than %zu bytes: a quote that "
                         "is not closed?",
                         source->stream.name, source->reader.next_line, RECORD_BYTES_MAX);
    size_t capacity = source->text_capacity != 0 ? 2 * source->text_capacity : TEXT_BYTES_FIRST;
    char *text = realloc(source->text, capacity + 1);
    if (text == NULL)
        return send_fail(EX_OSERR, "out of memory");
    source->text = text;
    source->text_capacity = capacity;
    return 0;
}

static int read_all(struct csv_source *source)
{
    int64_t until_ns = INT64_MAX;
    while (!source->stream.is_end) {
        size_t length;
        int status = make_room(source);
        if (status == 0)
            status = input_read(&source->stream, source->sender, until_ns,
                                source->text + source->text_used,
                                source->text_capacity - source->text_used, &length);
        if (status == 0) {
            source->text_used += length;
            status = take_records(source);
        }
        if (status != 0 && status != SENDER_IDLE)
            return status;
        if (source->table.row_count == 0) {
            until_ns = INT64_MAX;
        } else if (until_ns == INT64_MAX) {
            until_ns = clock_monotonic_ns() + IDLE_NS;
        } else if (clock_monotonic_ns() >= until_ns) {
            status = push_rows(source);
            until_ns = INT64_MAX;
            if (status != 0)
                return status;
        }
    }
    if (!source->has_header)
        return send_fail(EX_DATAERR, "%s: empty: a header row is missing", source->stream.name);
    return push_rows(source);
}

/* A file with --rate and without --t0 ends now, so its rows are counted before the first is sent.
 */
static int count_rows(struct csv_source *source)
{
    struct stat file;
    if (source->options->period_ps == 0 || source->options->has_t0 ||
        fstat(source->stream.fd, &file) != 0 || !S_ISREG(file.st_mode))
        return 0;
    source->is_counting = true;
    int status = read_all(source);
    source->is_counting = false;
    if (status != 0)
        return status;
    source->has_header = false;
    source->stream.is_end = false;
    source->text_used = 0;
    csv_reader_free(&source->reader);
    if (lseek(source->stream.fd, 0, SEEK_SET) != 0)
        return send_fail(EX_IOERR, "%s: %s", source->stream.name, strerror(errno));
    return 0;
}

int send_csv(const struct send_options *options, struct sender *sender)
{
    struct send_options own = *options;
    struct csv_source source = {.options = &own, .sender = sender};
    int status = input_open(options->file, &source.stream);
    if (status != 0)
        return status;
    status = count_rows(&source);
    if (status == 0 && source.rows_counted > 0) {
        own.has_t0 = true;
        own.t0_ns = clock_realtime_ns() - regular_clock_ns(source.rows_counted - 1, own.period_ps);
    }
    if (status == 0)
        status = read_all(&source);
    csv_table_close(&source.table);
    csv_reader_free(&source.reader);
    free(source.text);
    input_close(&source.stream);
    return status;
}
