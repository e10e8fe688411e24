/* model_calls.h - what the files share that put a world of model_disk.h in the place of
 * store/file_system.h. */
#ifndef INGEST_MODEL_CALLS_H
#define INGEST_MODEL_CALLS_H

#include "model_disk.h"

/* What a call needs: that the disk works; space on it; or that the cache takes a change, which a
 * disk that has failed for good does not hinder. */
enum model_need { NEED_DISK = 1, NEED_SPACE = 2, NEED_CACHE = 4 };

/* 0, or how the call fails. */
int model_fault(unsigned needs);
/* The same before a call that changes something. */
int model_begin(const char *call, unsigned needs);
/* Of an open descriptor; ret_inode may be NULL. */
struct model_inode *model_inode_of(int fd, size_t *ret_inode);

#endif
