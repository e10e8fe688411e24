/* series_facts.h - what ls and info tell of a series. */
#ifndef INGEST_SERIES_FACTS_H
#define INGEST_SERIES_FACTS_H

#include "reader.h"

struct series_facts {
    struct reader *reader;
    struct reader_snapshot snapshot;
    int64_t first_time_ns; /* of the oldest row that is there; INT64_MIN = none */
};

/* Opens the series and takes a snapshot. 0 or an exit code, with its message printed. */
int series_facts_open(const char *store, const char *name, struct series_facts *ret_facts);
void series_facts_close(struct series_facts *facts);

/* "()", "(3,)", "(100, 500, 500)", as NumPy writes them. Returns `buffer`. */
#define SHAPE_TEXT_BYTES 64
const char *shape_text(const struct series_type *type, char buffer[SHAPE_TEXT_BYTES]);

const char *clock_text(const struct series_type *type); /* "regular", "explicit" */
const char *mode_text(const struct reader_info *info);  /* "ring", "grow" */

#endif
