/* reply.h - the daemon's answer to a batch, in both directions. */
#ifndef INGEST_REPLY_H
#define INGEST_REPLY_H

#include "wire_format.h"

#include <stdbool.h>

#define WIRE_REPLY_TEXT_MAX  400
#define WIRE_REPLY_BYTES_MAX (sizeof(struct wire_reply_header) + WIRE_REPLY_TEXT_MAX)

struct wire_reply {
    enum wire_code code;
    uint64_t session;
    uint64_t sequence;
    uint64_t stored;
    uint64_t durable;
    uint32_t credit_batches;
    uint32_t credit_kib;
    uint32_t frame_bytes_max;
    uint64_t late_samples;
    uint32_t refused_blocks;
    const char *text;    /* decoding: into the frame, not terminated */
    uint16_t text_bytes; /* encoding: cut at WIRE_REPLY_TEXT_MAX, at the border of a character */
};

/* Writes at most WIRE_REPLY_BYTES_MAX bytes; returns how many. */
size_t wire_reply_encode(const struct wire_reply *reply, void *bytes);

/* 0, or -EBADMSG (not a reply, or lengths that do not fit), -EPROTONOSUPPORT (a version that we do
 * not know). A code that we do not know is passed on as it is. */
int wire_reply_decode(const void *frame, size_t frame_bytes, struct wire_reply *ret_reply);

/* "OK", "TYPE_MISMATCH", ...; "UNKNOWN" for a code that is none. */
const char *wire_code_name(unsigned code);

/* True for the codes that consume the sequence: sending the same batch again cannot help. */
bool wire_code_is_permanent(unsigned code);

#endif
