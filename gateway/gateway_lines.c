#include "gateway_internal.h"

#include "clock_ns.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static_assert(LINE_PROTOCOL_FAULTS_MAX == INGEST_BAD_LINES_MAX, "bad lines");

static int reserve_times(struct ingest_gateway *gateway, size_t count)
{
    if (count <= gateway->line_times_capacity)
        return 0;
    if (count > SIZE_MAX / sizeof(int64_t))
        return -ENOMEM;
    int64_t *times = realloc(gateway->line_times, count * sizeof *times);
    if (times == NULL)
        return -ENOMEM;
    gateway->line_times = times;
    gateway->line_times_capacity = count;
    return 0;
}

struct line_blocks {
    struct ingest_gateway *gateway;
    int64_t now_ns; /* of this push: the same for all lines without a time */
};

/* A batch has no "now" among explicit times, so it is filled in here; a lone sample is left to the
 * daemon's clock. */
static int line_block_at(void *context, size_t index, struct wire_block *ret_block)
{
    const struct line_blocks *lines = context;
    struct ingest_gateway *gateway = lines->gateway;
    line_protocol_block(gateway->lines, index, ret_block);
    int result = reserve_times(gateway, ret_block->count);
    if (result < 0)
        return result;
    int64_t *times = gateway->line_times;
    memcpy(times, ret_block->times_ns, ret_block->count * sizeof *times);
    ret_block->stamp_on_arrival = false;
    if (ret_block->count == 1 && times[0] == WIRE_T0_ARRIVAL) {
        ret_block->clock = WIRE_CLOCK_ARRIVAL;
        ret_block->times_ns = NULL;
        return 0;
    }
    int64_t last_ns = INT64_MIN;
    for (size_t i = 0; i < ret_block->count; i++) {
        if (times[i] == WIRE_T0_ARRIVAL)
            times[i] = last_ns < lines->now_ns ? lines->now_ns : last_ns + 1;
        last_ns = times[i];
    }
    ret_block->times_ns = times;
    return 0;
}

int ingest_gateway_push_lines(struct ingest_gateway *gateway, const char *text, size_t text_bytes,
                              int timeout_ms, struct ingest_lines *ret_lines)
{
    int result = 0;
    if (gateway->lines == NULL)
        result = line_protocol_new(&gateway->lines);
    if (result < 0)
        return result;
    struct line_protocol_result parsed;
    result = line_protocol_parse(gateway->lines, text, text_bytes, &parsed);
    if (result < 0)
        return result;
    if (parsed.block_count > 0) {
        struct line_blocks blocks = {.gateway = gateway, .now_ns = clock_realtime_ns()};
        result = gateway_push_blocks(gateway, line_block_at, &blocks, parsed.block_count,
                                     timeout_ms, NULL);
        if (result < 0)
            return result;
    }
    if (ret_lines == NULL)
        return 0;
    *ret_lines = (struct ingest_lines){.samples = parsed.sample_count,
                                       .strings_skipped = parsed.strings_skipped,
                                       .lines_bad = parsed.lines_bad,
                                       .bad_count = parsed.fault_count};
    for (size_t i = 0; i < parsed.fault_count; i++)
        ret_lines->bad[i] = (struct ingest_bad_line){.line = parsed.faults[i].line,
                                                     .reason = parsed.faults[i].reason};
    return 0;
}
