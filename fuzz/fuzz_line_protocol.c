/* Any bytes as line protocol: no crash, every name within the rules of names, samples that add up,
 * and the same result from a parser that was used before. */
#include "line_protocol.h"

#include <stdlib.h>
#include <string.h>

#define REQUIRE(condition)                                                                         \
    do {                                                                                           \
        if (!(condition))                                                                          \
            abort();                                                                               \
    } while (0)

static bool is_name_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != '\0' && strchr("._~:=@+%-", c) != NULL);
}

static bool is_segment(const char *segment, size_t length)
{
    if (length == 0 || strchr(".-~", segment[0]) != NULL)
        return false;
    for (size_t i = 0; i < length; i++)
        if (!is_name_byte(segment[i]))
            return false;
    return length < 4 || (memcmp(segment + length - 4, ".npy", 4) != 0 &&
                          memcmp(segment + length - 4, ".ini", 4) != 0);
}

/* Wire and store do not know each other: the rules of names stand here a second time. */
static bool is_name(const char *name, size_t length)
{
    size_t segments = 0;
    size_t from = 0;
    for (size_t at = 0; at <= length; at++) {
        if (at < length && name[at] != '/')
            continue;
        if (!is_segment(name + from, at - from))
            return false;
        segments++;
        from = at + 1;
    }
    return length <= WIRE_NAME_BYTES_MAX && segments >= 2 && segments <= 16;
}

static void check_blocks(const struct line_protocol *parser,
                         const struct line_protocol_result *result)
{
    size_t samples = 0;
    for (size_t i = 0; i < result->block_count; i++) {
        struct wire_block block;
        int64_t time_ns;
        line_protocol_block(parser, i, &block);
        REQUIRE(is_name(block.name, block.name_bytes));
        REQUIRE(block.count > 0 && block.values_bytes == block.count * dtype_size(block.dtype));
        REQUIRE(block.clock == WIRE_CLOCK_EXPLICIT && block.stamp_on_arrival);
        memcpy(&time_ns, (const char *)block.times_ns + sizeof time_ns * (block.count - 1),
               sizeof time_ns);
        if (block.dtype == DTYPE_U1)
            REQUIRE(((const uint8_t *)block.values)[block.count - 1] <= 1);
        samples += block.count;
    }
    REQUIRE(samples == result->sample_count);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t data_bytes);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t data_bytes)
{
    static struct line_protocol *used_parser;
    struct line_protocol *new_parser;
    struct line_protocol_result used_result;
    struct line_protocol_result new_result;
    if (used_parser == NULL)
        REQUIRE(line_protocol_new(&used_parser) == 0);
    REQUIRE(line_protocol_new(&new_parser) == 0);
    REQUIRE(line_protocol_parse(used_parser, (const char *)data, data_bytes, &used_result) == 0);
    REQUIRE(line_protocol_parse(new_parser, (const char *)data, data_bytes, &new_result) == 0);
    check_blocks(used_parser, &used_result);
    check_blocks(new_parser, &new_result);
    REQUIRE(used_result.block_count == new_result.block_count);
    REQUIRE(used_result.lines_bad == new_result.lines_bad);
    REQUIRE(used_result.first_bad_line == new_result.first_bad_line);
    REQUIRE((used_result.lines_bad == 0) == (used_result.first_reason == NULL));
    for (size_t i = 0; i < used_result.block_count; i++) {
        struct wire_block a;
        struct wire_block b;
        line_protocol_block(used_parser, i, &a);
        line_protocol_block(new_parser, i, &b);
        REQUIRE(a.name_bytes == b.name_bytes && memcmp(a.name, b.name, a.name_bytes) == 0);
        REQUIRE(a.count == b.count && a.dtype == b.dtype);
        REQUIRE(memcmp(a.times_ns, b.times_ns, a.count * sizeof(int64_t)) == 0);
        REQUIRE(memcmp(a.values, b.values, a.values_bytes) == 0);
    }
    line_protocol_free(new_parser);
    return 0;
}
