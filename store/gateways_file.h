/* gateways_file.h - STORE/gateways.npy: the sessions that the daemon heard of lately, <i8
 * (GATEWAYS_ROWS, GATEWAYS_WORDS), mapped, for any tool to read live. docs/format.md,
 * "gateways.npy". */
#ifndef INGEST_GATEWAYS_FILE_H
#define INGEST_GATEWAYS_FILE_H

#include "error_text.h"

#include <stddef.h>
#include <stdint.h>

#define GATEWAYS_ROWS       1024
#define GATEWAYS_WORDS      32
#define GATEWAYS_TEXT_BYTES 64

/* One session. Texts end at a NUL or at their full length. */
struct gateways_row {
    uint64_t session; /* 0 = the row is free */
    int64_t seen_ns;  /* real time of its last frame */
    uint64_t stored;
    uint64_t durable;
    uint64_t late;    /* samples dropped as late, since the daemon knows the session */
    uint64_t refused; /* batches refused, likewise */
    char name[GATEWAYS_TEXT_BYTES + 1];
    char address[GATEWAYS_TEXT_BYTES + 1];
    char owner[GATEWAYS_TEXT_BYTES + 1]; /* the key that the session belongs to; "" = nobody's */
};

struct gateways_file;

/* Creates or reopens the file and maps it for writing; its rows begin free. */
int gateways_file_create(const char *store_path, struct gateways_file **ret_file,
                         struct error_text *error);
void gateways_file_close(struct gateways_file *file); /* NULL is allowed */

/* Writes a row (below GATEWAYS_ROWS). A reader that comes in between reads it again. One writer. */
void gateways_file_set(struct gateways_file *file, unsigned row, const struct gateways_row *value);

/* For readers: the rows in use, in no order, to be freed. -ENOENT: no daemon has run; -EBADMSG: not
 * such a file. */
int gateways_file_read(const char *store_path, struct gateways_row **ret_rows, size_t *ret_count,
                       struct error_text *error);

#endif
