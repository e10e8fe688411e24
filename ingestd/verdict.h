/* verdict.h - what became of one batch. */
#ifndef INGEST_VERDICT_H
#define INGEST_VERDICT_H

#include "reply.h"

#include <stddef.h>
#include <stdint.h>

struct verdict {
    enum wire_code code; /* of the first block refused; one that asks for a resend goes before one
                            that does not */
    uint32_t refused_blocks;
    uint64_t blocks;     /* applied, samples dropped as late included */
    uint64_t samples;    /* appended */
    uint64_t late;       /* samples dropped as late */
    uint64_t clamped;    /* samples kept with another stamp */
    uint64_t duplicates; /* blocks that their series already had */
    char series[256];    /* printable name of the series that `code` is about, or "" */
    char text[WIRE_REPLY_TEXT_MAX + 1]; /* the reason, for the reply */
};

/* All is well so far. */
void verdict_begin(struct verdict *verdict);

/* One block is refused; the name may hold any bytes (NULL = none). Text is made only if this is the
 * refusal that the reply names. */
__attribute__((format(printf, 5, 6))) void verdict_refuse(struct verdict *verdict,
                                                          enum wire_code code, const char *name,
                                                          size_t name_bytes, const char *format,
                                                          ...);

/* The whole batch is refused, with so many blocks. Nothing of it was applied. */
__attribute__((format(printf, 4, 5))) void verdict_refuse_all(struct verdict *verdict,
                                                              enum wire_code code,
                                                              uint32_t block_count,
                                                              const char *format, ...);

#endif
