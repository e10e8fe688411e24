/* repair.h - brings a damaged store to the best state that can be proved.
 *
 * Nothing is guessed: what is kept follows from the journal as far as it holds, or from a series'
 * own stamps; what cannot be used is moved to STORE/damaged/<time>/, under the path that it had.
 * Nothing is thrown away. It may be killed at any point and done again; done again it changes
 * nothing. */
#ifndef INGEST_REPAIR_H
#define INGEST_REPAIR_H

#include "store.h"

/* Where what cannot be used goes, below the store. */
#define REPAIR_FOLDER "damaged"

struct repair_sink {
    /* What was found or done: the path below the store, and a sentence. */
    void (*say)(const char *path, const char *text, void *context);
    void *context;
};

/* Repairs the store, which nobody may have open; afterwards store_open() takes it. 0, also where
 * nothing was to be done. Errors as store_open(); -ENOTSUP: a later version wrote its journal. */
int store_repair(const char *path, const struct store_limits *limits,
                 const struct repair_sink *sink, struct error_text *error);

#endif
