/* repair_internal.h - what the files of repair share. */
#ifndef INGEST_REPAIR_INTERNAL_H
#define INGEST_REPAIR_INTERNAL_H

#include "repair.h"
#include "store_internal.h"

#define REPAIR_PATH_BYTES 1024

struct repair {
    struct store *store;
    const struct repair_sink *sink;
    char aside[64]; /* "damaged/<time>", "" until something is moved there */
    bool has_changed;
};

/* Tells about a path below the store. */
__attribute__((format(printf, 3, 4))) void repair_say(struct repair *repair, const char *path,
                                                      const char *format, ...);
/* The same about a series. */
__attribute__((format(printf, 3, 4))) void repair_say_series(struct repair *repair,
                                                             const char *name, const char *format,
                                                             ...);

/* ---- repair_aside.c ---- */

/* Moves a file or folder below the store; an empty folder is removed. */
int repair_move(struct repair *repair, const char *path, const char *why);
/* Moves the files of a series, head.npy first. */
int repair_move_series(struct repair *repair, const char *name, const char *why);
/* Moves all that stands below series/ and is no part of a series. */
int repair_move_strays(struct repair *repair);

/* ---- repair_prove.c ---- */

/* Cuts a series to the rows that its own stamps prove: a growing one, up to what its head calls
 * durable. -EBADMSG: nothing proves it, with the reason in *ret_why. */
int repair_prove(struct repair *repair, const char *name, const char **ret_why);

#endif
