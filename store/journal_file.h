/* journal_file.h - the journal's files: one in use, and one that waits for its turn.
 *
 * STORE/journal-<n> is in use. STORE/journal-<n+1> is the file that was in use before it, or a new
 * one: of full size, its blocks written, so that nothing has to be allocated when its turn comes.
 * One thread at a time. */
#ifndef INGEST_JOURNAL_FILE_H
#define INGEST_JOURNAL_FILE_H

#include "file_system.h"
#include "journal_image.h"

struct journal {
    int folder;                   /* the store's; not owned */
    int fd;                       /* of the file in use, -1 = none */
    struct fs_status next_status; /* of the file that waits, when it was opened */
    int next_fd; /* of the file that waits, open so that its turn does not depend on a descriptor;
                    -1 = it is not */
    uint64_t number;
    uint64_t byte_count;
    uint64_t used; /* where the next record goes */
    uint64_t salt;
    uint64_t record_next;
    uint64_t bytes_wanted;   /* of a new file */
    uint64_t bytes_written;  /* in all, since the journal was opened */
    _Atomic bool has_failed; /* a sync failed, of whatever: nothing more is written (any thread) */
};

void journal_init(struct journal *journal, int folder, uint64_t bytes_wanted);
void journal_close(struct journal *journal);

/* Reads the newest file that has a whole snapshot. The image's bytes are *ret_bytes, to be freed
 * after the image. -ENODATA: there is no such file. Also tells the journal which numbers
 * are taken. */
int journal_load(struct journal *journal, struct journal_image *ret_image, uint8_t **ret_bytes);

/* Whether a record of that size still fits into the file in use. */
bool journal_has_room(const struct journal *journal, size_t byte_count);

/* Seals, writes and syncs a record behind the last one. On failure what is on disk is not known. */
int journal_append(struct journal *journal, struct journal_record *record);

/* Opens the file that is next. When it fails nothing has changed, on disk or in the cache. */
int journal_open_next(struct journal *journal);

/* Begins the file that was opened with this snapshot, and when that is synced retires the one in
 * use. */
int journal_begin_next(struct journal *journal, struct journal_record *snapshot);

/* Makes the file that waits, so that later nothing has to be allocated. */
int journal_prepare_next(struct journal *journal);

/* Removes files that are neither in use nor waiting: a power cut may leave some. */
int journal_remove_others(struct journal *journal);

#endif
