/* store_sync.h - files of series to be synced by another thread than the one that appends: their
 * names are copied, so that mappings and series may come and go meanwhile. */
#ifndef INGEST_STORE_SYNC_H
#define INGEST_STORE_SYNC_H

#include "error_text.h"
#include "store_format.h"

#include <stdbool.h>
#include <stddef.h>

struct sync_item {
    const char *name; /* terminated */
    enum series_clock clock;
    bool with_head; /* and summaries, meta.ini, and the folders that lead to it */
};

struct sync_list {
    int lock_fd;   /* STORE/LOCK */
    int series_fd; /* STORE/series */
    size_t item_count;
    size_t name_bytes; /* of all names, each with its end */
    bool everything;   /* the whole file system, whatever is listed */
    char *names;
    struct sync_item *items;
};

/* Room for so many items with names of so many bytes in all. -ENOMEM. */
int sync_list_new(struct sync_list *list, size_t item_max, size_t name_bytes_max);
void sync_list_add(struct sync_list *list, const char *name, enum series_clock clock,
                   bool with_head);
void sync_list_free(struct sync_list *list);

/* Syncs them: one by one, or where there are many the whole file system at once. A series that was
 * deleted meanwhile is passed over. Any thread. On failure what is on disk is not known. */
int sync_list_run(const struct sync_list *list, struct error_text *error);

#endif
