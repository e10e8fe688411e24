/* series_head.h - the words of head.npy as numbers that were checked. Pure
 * functions. */
#ifndef INGEST_SERIES_HEAD_H
#define INGEST_SERIES_HEAD_H

#include "series_type.h"
#include "store_format.h"

#include <stdint.h>

struct series_head {
    struct series_type type;
    uint64_t id;
    uint64_t capacity; /* 0 = grow */
    uint64_t sample_bytes;
    int64_t created_ns;
    uint64_t count;
    uint64_t frontier;
    uint64_t rows;
    uint64_t runs_count;
    int64_t last_time_ns;
    uint64_t durable;
    uint64_t summarised; /* 0 where the word is nonsense: they can be made again */
    int64_t epoch;
};

/* Reads a copy of the words. NULL, or a static sentence that says why a writer
 * must not touch the series. */
const char *series_head_decode(const int64_t words[HEAD_WORDS], struct series_head *ret_head);

/* The words of a new series; those of sessions are 0. */
void series_head_encode(const struct series_head *head, int64_t ret_words[HEAD_WORDS]);

#endif
