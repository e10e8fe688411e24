/* journal_image.h - what a journal file says, read into tables: bytes in, positions out. No files.
 *
 * Nothing in the bytes is trusted: a record is taken whole or not at all. */
#ifndef INGEST_JOURNAL_IMAGE_H
#define INGEST_JOURNAL_IMAGE_H

#include "journal_record.h"

/* Rows or runs that the journal holds itself. */
struct journal_piece {
    uint64_t count; /* indexes [count - rows, count) */
    uint64_t runs_count;
    uint32_t rows;
    uint32_t runs;
    uint32_t values_at; /* where in the file */
    uint32_t stamps_at;
    uint32_t next; /* the series' next piece, or JOURNAL_NO_PIECE */
};
#define JOURNAL_NO_PIECE UINT32_MAX

/* A series, as of the last record. */
struct journal_series {
    struct journal_description description; /* its name lies in the file's bytes */
    uint64_t sample_bytes;
    uint64_t count;
    uint64_t runs_count;
    uint64_t inline_from; /* rows [inline_from, count) are in the journal, all of them */
    uint64_t runs_inline_from;
    enum reserve_level rows_reserve;
    enum reserve_level runs_reserve;
    bool is_removed;
    uint32_t first_piece;
    uint32_t last_piece;
    struct journal_entry entries[HEAD_SESSION_SLOTS];
    size_t entry_count;
};

struct journal_image {
    const uint8_t *bytes; /* of the whole file; the caller's, for as long as the image is used */
    size_t byte_count;
    uint64_t number;
    uint64_t salt;
    uint64_t record_count;
    uint64_t end;    /* offset behind the last record that holds */
    bool is_damaged; /* a record behind the first that does not hold does: one was lost */
    uint64_t id_highest;
    struct journal_series *series; /* by slot */
    size_t series_count;
    size_t series_capacity;
    const struct journal_series **by_id;
    struct journal_piece *pieces;
    size_t piece_count;
    size_t piece_capacity;
    struct store_session *sessions; /* by session number */
    size_t session_count;
};

/* Reads a file of `number` to its end: while checksum, salt, record number and positions fit.
 * 0; -ENODATA: it has no whole snapshot; -EBADMSG: it has none any more; -ENOTSUP: a later version
 * wrote it; -ENOMEM. On failure
 * there is nothing to free. */
int journal_image_read(const uint8_t *bytes, size_t byte_count, uint64_t number,
                       struct journal_image *ret_image);

/* The series of that id, also one that was removed; NULL: there is none. */
const struct journal_series *journal_image_find(const struct journal_image *image, uint64_t id);

/* Whether a series of that name is there, and was not removed. */
bool journal_image_has_name(const struct journal_image *image, const char *name, size_t name_bytes);

void journal_image_free(struct journal_image *image);

#endif
