/* verdict.h - what became of one batch. */
#ifndef INGEST_VERDICT_H
#define INGEST_VERDICT_H

#include "reply.h"

#include <stdbool.h>
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
    uint32_t block;      /* index of the one that is judged now */
    uint32_t run_first;  /* of the refused blocks that follow each other, the last ones */
    uint32_t run_end;    /* 0 = none was refused yet */
    char series[256];    /* printable name of the series that `code` is about, or "" */
    char text[WIRE_REPLY_TEXT_MAX + 1]; /* the reason, for the reply */
    char refused_list[200]; /* the runs of refused blocks before the last one: "0,3-5" */
    bool list_is_cut;
};

/* All is well so far. */
void verdict_begin(struct verdict *verdict);

/* One block is refused; the name may hold any bytes (NULL = none). Text is made only if this is the
 * refusal that the reply names. */
__attribute__((format(printf, 5, 6))) void verdict_refuse(struct verdict *verdict,
                                                          enum wire_code code, const char *name,
                                                          size_t name_bytes, const char *format,
                                                          ...);

/* All blocks of a batch of so many were judged: where some were refused and some not, the text
 * tells which. */
void verdict_end(struct verdict *verdict, uint32_t block_count);

/* The whole batch is refused, with so many blocks. Nothing of it was applied. */
__attribute__((format(printf, 4, 5))) void verdict_refuse_all(struct verdict *verdict,
                                                              enum wire_code code,
                                                              uint32_t block_count,
                                                              const char *format, ...);

#endif
