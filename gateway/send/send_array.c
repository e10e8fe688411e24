/* Sends a .npy array or raw numbers as one series. */
#include "send.h"

#include "checked.h"
#include "clock_ns.h"
#include "input_stream.h"
#include "npy_input.h"
#include "regular_clock.h"
#include "value_convert.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>

#define BATCH_BYTES_DEFAULT 20000
/* Batch and block header, dims and name: what a frame holds beside times and values. */
#define FRAME_OVERHEAD_BYTES 512
/* What a live stream brings is sent on after that long, also when it fills no batch. */
#define IDLE_NS (500 * NS_PER_MS)

struct array_source {
    const struct send_options *options;
    struct sender *sender;
    struct input_stream values;
    struct input_stream times;
    struct npy_array array; /* what is read; a count of UINT64_MAX: until the end */
    struct npy_array times_array;
    enum dtype dtype;    /* what is sent */
    size_t sample_bytes; /* of it */
    size_t sample_elements;
    size_t batch_samples;
    uint8_t *read_buffer;
    size_t read_bytes;    /* in it */
    uint8_t *sent_values; /* converted; NULL when they are sent as they are */
    int64_t *sent_times;  /* NULL with --rate */
    int64_t t0_ns;        /* INGEST_T0_ARRIVAL: each batch ends now */
    uint64_t index;       /* of the next sample */
};

static int read_header(struct input_stream *stream, struct sender *sender,
                       struct npy_array *ret_array)
{
    struct error_text error = {""};
    uint8_t prefix[NPY_PREFIX_BYTES];
    uint8_t *header = NULL;
    size_t length, offset;
    int status = input_read_full(stream, sender, INT64_MAX, prefix, sizeof prefix, &length);
    if (status != 0)
        return status;
    if (length < sizeof prefix)
        return send_fail(EX_DATAERR, "%s: not a .npy file: too short", stream->name);
    if (npy_data_offset(prefix, &offset, &error) < 0)
        return send_fail(EX_DATAERR, "%s: %s", stream->name, error.text);

    header = malloc(offset);
    if (header == NULL)
        return send_fail(EX_OSERR, "out of memory");
    memcpy(header, prefix, sizeof prefix);
    status = input_read_full(stream, sender, INT64_MAX, header + sizeof prefix,
                             offset - sizeof prefix, &length);
    if (status == 0 && length < offset - sizeof prefix)
        status = send_fail(EX_DATAERR, "%s: the .npy header is cut off", stream->name);
    if (status == 0 && npy_parse(header, offset, ret_array, &error) < 0)
        status = send_fail(EX_DATAERR, "%s: %s", stream->name, error.text);
    free(header);
    return status;
}

/* The samples of a raw file, or UINT64_MAX for a stream, whose end is not known. */
static uint64_t count_raw(const struct input_stream *stream, size_t sample_bytes)
{
    struct stat file;
    if (fstat(stream->fd, &file) != 0 || !S_ISREG(file.st_mode))
        return UINT64_MAX;
    return (uint64_t)file.st_size / sample_bytes;
}

static int describe_raw(struct array_source *source)
{
    const struct send_options *options = source->options;
    struct npy_array array = {.dtype = options->dtype,
                              .rank = options->rank,
                              .sample_bytes = dtype_size(options->dtype),
                              .count = UINT64_MAX};
    for (unsigned i = 0; i < options->rank; i++) {
        array.dims[i] = options->dims[i];
        if (!checked_multiply_size(array.sample_bytes, options->dims[i], &array.sample_bytes))
            return send_fail(EX_USAGE, "--shape: a sample is too large");
    }
    source->array = array;
    return 0;
}

static int open_times(struct array_source *source)
{
    int status = input_open(source->options->times_file, &source->times);
    if (status == 0)
        status = read_header(&source->times, source->sender, &source->times_array);
    if (status != 0)
        return status;
    const struct npy_array *times = &source->times_array;
    if (times->rank != 0 || times->dtype != DTYPE_I8)
        return send_fail(EX_DATAERR,
                         "%s: times are one int64 (nanoseconds since 1970) or datetime64 a sample",
                         source->times.name);
    if (source->array.count != UINT64_MAX && times->count != source->array.count)
        return send_fail(EX_DATAERR, "%s: %" PRIu64 " times for %" PRIu64 " samples",
                         source->times.name, times->count, source->array.count);
    return 0;
}

static int choose_start(struct array_source *source)
{
    const struct send_options *options = source->options;
    source->t0_ns = options->t0_ns;
    if (options->period_ps == 0 || options->has_t0)
        return 0;
    source->t0_ns = INGEST_T0_ARRIVAL;
    uint64_t count = options->input == SEND_NPY
                         ? source->array.count
                         : count_raw(&source->values, source->array.sample_bytes);
    if (count == UINT64_MAX || count == 0)
        return 0;
    /* The batches of a file arrive within moments, so its last sample is now and the others before
     * it. */
    double span_ns = (double)count * (double)options->period_ps / 1000;
    if (span_ns > (double)clock_realtime_ns())
        return send_fail(EX_USAGE, "%s: at this --rate it would begin before 1970: give --t0",
                         source->values.name);
    source->t0_ns = clock_realtime_ns() - regular_clock_ns(count - 1, options->period_ps);
    return 0;
}

static int allocate(struct array_source *source)
{
    const struct send_options *options = source->options;
    source->dtype = options->dtype != DTYPE_NONE ? options->dtype : source->array.dtype;
    /* Raw numbers come from --dtype, and a .npy header without elements was refused. */
    assert(source->array.sample_bytes > 0);
    source->sample_elements = source->array.sample_bytes / dtype_size(source->array.dtype);
    if (!checked_multiply_size(source->sample_elements, dtype_size(source->dtype),
                               &source->sample_bytes))
        return send_fail(EX_DATAERR, "%s: a sample is too large", source->values.name);

    size_t frame_bytes = source->sample_bytes + (options->times_file != NULL ? 8 : 0);
    size_t frame_max = sender_frame_bytes_max(source->sender);
    size_t room = frame_max > FRAME_OVERHEAD_BYTES ? frame_max - FRAME_OVERHEAD_BYTES : 0;
    if (frame_bytes == 0 || frame_bytes > room)
        return send_fail(EX_DATAERR,
                         "%s: a sample of %zu bytes is larger than the daemon takes (%zu bytes a "
                         "batch): raise max_batch of its [listen]",
                         source->values.name, source->sample_bytes, frame_max);
    size_t samples = options->batch_samples != 0 ? options->batch_samples
                                                 : BATCH_BYTES_DEFAULT / source->sample_bytes;
    if (samples > room / frame_bytes)
        samples = room / frame_bytes;
    source->batch_samples = samples > 0 ? samples : 1;

    source->read_buffer = malloc(source->batch_samples * source->array.sample_bytes);
    if (source->dtype != source->array.dtype)
        source->sent_values = malloc(source->batch_samples * source->sample_bytes);
    if (options->times_file != NULL)
        source->sent_times = malloc(source->batch_samples * sizeof *source->sent_times);
    if (source->read_buffer == NULL ||
        (source->dtype != source->array.dtype && source->sent_values == NULL) ||
        (options->times_file != NULL && source->sent_times == NULL))
        return send_fail(EX_OSERR, "out of memory");
    return 0;
}

static int read_times(struct array_source *source, size_t count)
{
    size_t wanted = count * sizeof *source->sent_times, length;
    int status = input_read_full(&source->times, source->sender, INT64_MAX, source->sent_times,
                                 wanted, &length);
    if (status != 0)
        return status;
    if (length < wanted || source->index + count > source->times_array.count)
        return send_fail(EX_DATAERR, "%s: ends before the samples do", source->times.name);
    int64_t unit_ns = source->times_array.time_unit_ns;
    for (size_t i = 0; i < count && unit_ns > 0; i++)
        if (source->sent_times[i] == INT64_MIN ||
            !checked_multiply_i64(source->sent_times[i], unit_ns, &source->sent_times[i]))
            return send_fail(EX_DATAERR, "%s: time %" PRIu64 " is not a time (NaT) or too far away",
                             source->times.name, source->index + i);
    return 0;
}

static int push_samples(struct array_source *source, size_t count)
{
    const struct send_options *options = source->options;
    const void *values = source->read_buffer;
    if (source->sent_values != NULL) {
        size_t elements = count * source->sample_elements;
        size_t good = value_convert(source->array.dtype, values, source->dtype, source->sent_values,
                                    elements);
        if (good < elements) {
            char text[32];
            return send_fail(EX_DATAERR, "%s: sample %" PRIu64 ": %s is not a number of --dtype %s",
                             source->values.name,
                             source->index + (uint64_t)(good / source->sample_elements),
                             value_text(source->array.dtype, values, good, text, sizeof text),
                             dtype_name(source->dtype));
        }
        values = source->sent_values;
    }
    struct ingest_block block = {.name = options->series,
                                 .dtype = dtype_name(source->dtype),
                                 .clock = INGEST_REGULAR,
                                 .rank = source->array.rank,
                                 .count = (uint32_t)count,
                                 .t0_ns = source->t0_ns,
                                 .period_ps = options->period_ps,
                                 .values = values};
    memcpy(block.dims, source->array.dims, sizeof block.dims);
    if (source->sent_times != NULL) {
        int status = read_times(source, count);
        if (status != 0)
            return status;
        block.clock = INGEST_EXPLICIT;
        block.t0_ns = 0;
        block.times_ns = source->sent_times;
    } else if (source->t0_ns != INGEST_T0_ARRIVAL) {
        block.t0_ns += regular_clock_ns(source->index, options->period_ps);
    }
    source->index += count;
    return sender_push(source->sender, &block, 1);
}

static int send_samples(struct array_source *source)
{
    size_t sample_bytes = source->array.sample_bytes;
    while (source->index < source->array.count) {
        size_t wanted = source->batch_samples;
        if (wanted > source->array.count - source->index)
            wanted = (size_t)(source->array.count - source->index);
        size_t length;
        int64_t until_ns = clock_monotonic_ns() + IDLE_NS;
        int status = input_read_full(&source->values, source->sender, until_ns,
                                     source->read_buffer + source->read_bytes,
                                     wanted * sample_bytes - source->read_bytes, &length);
        if (status != 0 && status != SENDER_IDLE)
            return status;
        source->read_bytes += length;
        size_t count = source->read_bytes / sample_bytes;
        if (count > 0) {
            status = push_samples(source, count);
            if (status != 0)
                return status;
            /* A pause may have cut a sample in two. */
            source->read_bytes -= count * sample_bytes;
            memmove(source->read_buffer, source->read_buffer + count * sample_bytes,
                    source->read_bytes);
        }
        if (source->values.is_end)
            break;
    }
    if (source->read_bytes > 0)
        return send_fail(EX_DATAERR, "%s: ends in the middle of a sample", source->values.name);
    if (source->array.count != UINT64_MAX && source->index < source->array.count)
        return send_fail(EX_DATAERR, "%s: cut off: %" PRIu64 " samples of %" PRIu64,
                         source->values.name, source->index, source->array.count);
    return 0;
}

int send_array(const struct send_options *options, struct sender *sender)
{
    struct array_source source = {
        .options = options, .sender = sender, .values = {.fd = -1}, .times = {.fd = -1}};
    int status = input_open(options->file, &source.values);
    if (status == 0)
        status = options->input == SEND_NPY ? read_header(&source.values, sender, &source.array)
                                            : describe_raw(&source);
    if (status == 0 && source.array.time_unit_ns != 0)
        status = send_fail(EX_DATAERR, "%s: holds times (datetime64), not numbers", options->file);
    if (status == 0 && options->times_file != NULL)
        status = open_times(&source);
    if (status == 0)
        status = choose_start(&source);
    if (status == 0)
        status = allocate(&source);
    if (status == 0)
        status = send_samples(&source);
    input_close(&source.values);
    input_close(&source.times);
    free(source.read_buffer);
    free(source.sent_values);
    free(source.sent_times);
    return status;
}
