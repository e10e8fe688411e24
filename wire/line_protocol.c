/* Samples are kept in the order in which they stand in the text, with the number of their series;
 * at the end they are moved so that those of a series lie together. A line stands or falls as a
 * whole: what it added is cut off again when something further on in it is wrong. */
#include "line_protocol.h"

#include "line_lexer.h"
#include "line_series.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static_assert(LINE_NAME_BYTES_MAX == WIRE_NAME_BYTES_MAX, "one limit of names");

struct line_protocol {
    struct line_series_table table;
    struct line_key key;     /* of the line at hand */
    struct line_text prefix; /* name of its series, but for the field */

    /* In the order of the text. */
    int64_t *times_ns;
    uint64_t *values;
    uint32_t *numbers;
    size_t count;
    size_t capacity;

    /* Gathered by series. A series' values begin at its first sample's place; one-byte values are
     * packed there. */
    int64_t *gathered_times_ns;
    uint64_t *gathered_values;
    size_t gathered_capacity;

    struct line_protocol_fault faults[LINE_PROTOCOL_FAULTS_MAX];
};

int line_protocol_new(struct line_protocol **ret_parser)
{
    struct line_protocol *parser = calloc(1, sizeof *parser);
    if (parser == NULL)
        return -ENOMEM;
    int result = line_series_table_init(&parser->table);
    if (result < 0) {
        free(parser);
        return result;
    }
    *ret_parser = parser;
    return 0;
}

void line_protocol_free(struct line_protocol *parser)
{
    if (parser == NULL)
        return;
    line_series_table_free(&parser->table);
    free(parser->times_ns);
    free(parser->values);
    free(parser->numbers);
    free(parser->gathered_times_ns);
    free(parser->gathered_values);
    free(parser);
}

static int samples_reserve(struct line_protocol *parser)
{
    if (parser->count < parser->capacity)
        return 0;
    size_t capacity = parser->capacity > 0 ? 2 * parser->capacity : 256;
    /* Each array is kept as soon as it has grown: a failure of a later one loses nothing. */
    int64_t *times_ns = reallocarray(parser->times_ns, capacity, sizeof *times_ns);
    if (times_ns == NULL)
        return -ENOMEM;
    parser->times_ns = times_ns;
    uint64_t *values = reallocarray(parser->values, capacity, sizeof *values);
    if (values == NULL)
        return -ENOMEM;
    parser->values = values;
    uint32_t *numbers = reallocarray(parser->numbers, capacity, sizeof *numbers);
    if (numbers == NULL)
        return -ENOMEM;
    parser->numbers = numbers;
    parser->capacity = capacity;
    return 0;
}

static int gathered_reserve(struct line_protocol *parser)
{
    if (parser->gathered_capacity >= parser->capacity)
        return 0;
    int64_t *times_ns = reallocarray(parser->gathered_times_ns, parser->capacity, sizeof *times_ns);
    if (times_ns == NULL)
        return -ENOMEM;
    parser->gathered_times_ns = times_ns;
    uint64_t *values = reallocarray(parser->gathered_values, parser->capacity, sizeof *values);
    if (values == NULL)
        return -ENOMEM;
    parser->gathered_values = values;
    parser->gathered_capacity = parser->capacity;
    return 0;
}

static int piece_compare(const struct line_text *text, struct line_piece a, struct line_piece b)
{
    size_t common = a.length < b.length ? a.length : b.length;
    int order = memcmp(text->bytes + a.offset, text->bytes + b.offset, common);
    return order != 0 ? order : (int)a.length - (int)b.length;
}

/* By key; equal keys keep their order. There are at most fourteen. */
static void tags_sort(struct line_key *key)
{
    for (size_t i = 1; i < key->tag_count; i++) {
        struct line_piece tag_key = key->tag_keys[i];
        struct line_piece tag_value = key->tag_values[i];
        size_t place = i;
        for (; place > 0 && piece_compare(&key->text, key->tag_keys[place - 1], tag_key) > 0;
             place--) {
            key->tag_keys[place] = key->tag_keys[place - 1];
            key->tag_values[place] = key->tag_values[place - 1];
        }
        key->tag_keys[place] = tag_key;
        key->tag_values[place] = tag_value;
    }
}

/* "measurement/a=1/b=2" into parser->prefix; false when that is longer than a name. */
static bool prefix_make(struct line_protocol *parser)
{
    struct line_key *key = &parser->key;
    tags_sort(key);
    parser->prefix.length = 0;
    if (!line_name_add_segment(&parser->prefix, key->text.bytes + key->measurement.offset,
                               key->measurement.length))
        return false;
    for (size_t i = 0; i < key->tag_count; i++) {
        /* Key and value were at most 255 bytes together with all others. */
        char segment[WIRE_NAME_BYTES_MAX + 1];
        size_t key_bytes = key->tag_keys[i].length;
        size_t value_bytes = key->tag_values[i].length;
        memcpy(segment, key->text.bytes + key->tag_keys[i].offset, key_bytes);
        segment[key_bytes] = '=';
        memcpy(segment + key_bytes + 1, key->text.bytes + key->tag_values[i].offset, value_bytes);
        if (!line_name_add_segment(&parser->prefix, segment, key_bytes + 1 + value_bytes))
            return false;
    }
    return true;
}

/* What one line adds beside its samples. */
struct line_counts {
    size_t strings;
    const char *fault; /* static; NULL while the line is good */
};

/* One field: a sample without its time yet. */
static int field_add(struct line_protocol *parser, const struct line_text *field,
                     struct line_value value, struct line_counts *counts)
{
    struct line_text name = {.length = parser->prefix.length};
    memcpy(name.bytes, parser->prefix.bytes, parser->prefix.length);
    if (!line_name_add_segment(&name, field->bytes, field->length)) {
        counts->fault = "the name of the series would be longer than 255 bytes";
        return 0;
    }
    if (value.dtype == DTYPE_NONE) {
        counts->strings++;
        return 0;
    }
    uint32_t number;
    int result = line_series_table_find(&parser->table, name.bytes, name.length, value.dtype,
                                        WIRE_BLOCKS_MAX, &number);
    if (result < 0)
        return result;
    if (parser->table.series[number].dtype != value.dtype) {
        counts->fault = "a field had another type further up";
        return 0;
    }
    result = samples_reserve(parser);
    if (result < 0)
        return result;
    parser->values[parser->count] = value.bits;
    parser->numbers[parser->count] = number;
    parser->count++;
    return 0;
}

static int line_parse(struct line_protocol *parser, struct line_cursor *cursor,
                      struct line_counts *ret_counts)
{
    const size_t first_sample = parser->count;
    bool more = true;
    *ret_counts = (struct line_counts){.fault = line_take_key(cursor, &parser->key)};
    if (ret_counts->fault == NULL && !prefix_make(parser))
        ret_counts->fault = "the name of the series would be longer than 255 bytes";
    while (ret_counts->fault == NULL && more) {
        struct line_text field;
        struct line_value value;
        ret_counts->fault = line_take_field(cursor, &field, &value, &more);
        if (ret_counts->fault != NULL)
            break;
        int result = field_add(parser, &field, value, ret_counts);
        if (result < 0)
            return result;
    }
    int64_t time_ns;
    if (ret_counts->fault == NULL)
        ret_counts->fault = line_take_time(cursor, &time_ns);
    if (ret_counts->fault != NULL)
        return 0;
    for (size_t i = first_sample; i < parser->count; i++)
        parser->times_ns[i] = time_ns;
    return 0;
}

/* Moves the samples to where their series wants them, keeping their order. */
static int samples_gather(struct line_protocol *parser)
{
    struct line_series *series = parser->table.series;
    int result = gathered_reserve(parser);
    if (result < 0)
        return result;
    for (size_t i = 0; i < parser->count; i++)
        series[parser->numbers[i]].sample_count++;
    size_t first = 0;
    for (size_t i = 0; i < parser->table.count; i++) {
        series[i].first_sample = first;
        first += series[i].sample_count;
        series[i].sample_count = 0;
    }
    for (size_t i = 0; i < parser->count; i++) {
        struct line_series *one = &series[parser->numbers[i]];
        size_t element_bytes = dtype_size(one->dtype);
        unsigned char *values = (unsigned char *)(parser->gathered_values + one->first_sample);
        /* The lowest bytes of the word are the value: numbers are little-endian here. */
        memcpy(values + one->sample_count * element_bytes, &parser->values[i], element_bytes);
        parser->gathered_times_ns[one->first_sample + one->sample_count] = parser->times_ns[i];
        one->sample_count++;
    }
    return 0;
}

int line_protocol_parse(struct line_protocol *parser, const char *text, size_t text_bytes,
                        struct line_protocol_result *ret_result)
{
    struct line_cursor cursor = {.at = text, .end = text + text_bytes, .line_number = 1};
    struct line_protocol_result result = {0};
    int error = 0;
    line_series_table_cut(&parser->table, 0);
    parser->count = 0;
    if (text_bytes > UINT32_MAX)
        return -E2BIG;

    while (line_next(&cursor)) {
        const size_t samples_before = parser->count;
        const size_t series_before = parser->table.count;
        const size_t line_number = cursor.line_number;
        struct line_counts counts;
        error = line_parse(parser, &cursor, &counts);
        if (error < 0)
            goto fail;
        if (counts.fault != NULL) {
            parser->count = samples_before;
            line_series_table_cut(&parser->table, series_before);
            if (result.lines_bad++ == 0) {
                result.first_bad_line = line_number;
                result.first_reason = counts.fault;
            }
            if (result.fault_count < LINE_PROTOCOL_FAULTS_MAX)
                parser->faults[result.fault_count++] =
                    (struct line_protocol_fault){.line = line_number, .reason = counts.fault};
            line_skip(&cursor);
        } else {
            result.strings_skipped += counts.strings;
        }
    }
    error = samples_gather(parser);
    if (error < 0)
        goto fail;
    result.block_count = parser->table.count;
    result.sample_count = parser->count;
    result.faults = parser->faults;
    *ret_result = result;
    return 0;

fail:
    line_series_table_cut(&parser->table, 0);
    parser->count = 0;
    return error;
}

void line_protocol_block(const struct line_protocol *parser, size_t index,
                         struct wire_block *ret_block)
{
    assert(index < parser->table.count);
    const struct line_series *series = &parser->table.series[index];
    *ret_block = (struct wire_block){
        .name = parser->table.names + series->name_offset,
        .name_bytes = series->name_bytes,
        .times_ns = parser->gathered_times_ns + series->first_sample,
        .values = parser->gathered_values + series->first_sample,
        .values_bytes = series->sample_count * dtype_size(series->dtype),
        .count = (uint32_t)series->sample_count,
        .dtype = series->dtype,
        .clock = WIRE_CLOCK_EXPLICIT,
        .explicit_series = true,
        .stamp_on_arrival = true,
    };
}
