/* line_protocol.h - InfluxDB's line protocol to blocks.
 *
 *     measurement,tag=v,other=w field=1.5,count=2i,on=t 1700000000000000000
 *
 * Each field is a sample of the series "measurement/other=w/tag=v/field" (tags sorted by key), as
 * f8, i8 (2i), u8 (2u) or u1 (booleans). Bytes that a name may not hold are percent-encoded. String
 * fields are skipped and counted. A line without a time is stamped on arrival. The lines of one
 * series in a frame are gathered into one block, in their order. Unlike batches, this allocates,
 * and keeps what it has for the next frame: 36 bytes a sample (whose text has at least four) and 17
 * MB of names at the very most. */
#ifndef INGEST_LINE_PROTOCOL_H
#define INGEST_LINE_PROTOCOL_H

#include "batch.h"

struct line_protocol;

/* 0, -ENOMEM, or -EIO when the system gives no random bytes (for the hash of names). One parser a
 * thread. */
int line_protocol_new(struct line_protocol **ret_parser);

/* NULL is allowed. */
void line_protocol_free(struct line_protocol *parser);

/* Of the bad lines of a frame so many are told one by one. */
#define LINE_PROTOCOL_FAULTS_MAX 64

struct line_protocol_fault {
    size_t line;        /* from 1 */
    const char *reason; /* static */
};

struct line_protocol_result {
    size_t block_count;
    size_t sample_count;
    size_t strings_skipped;
    size_t lines_bad;         /* lines that are not line protocol: skipped, the others stand */
    size_t first_bad_line;    /* from 1; 0 = none */
    const char *first_reason; /* static; why that line is bad */
    const struct line_protocol_fault
        *faults; /* of the first bad lines; valid until the next parse */
    size_t fault_count;
};

/* Parses a whole frame. Returns 0, -ENOMEM, or -E2BIG when it holds more than 65,535 series or
 * is longer than 4 GiB; then there are no blocks. The same field with two dtypes in one frame makes
 * its second kind a bad line. */
int line_protocol_parse(struct line_protocol *parser, const char *text, size_t text_bytes,
                        struct line_protocol_result *ret_result);

/* Block `index` of the last frame; valid until the next parse. clock is EXPLICIT with
 * stamp_on_arrival set. */
void line_protocol_block(const struct line_protocol *parser, size_t index,
                         struct wire_block *ret_block);

#endif
