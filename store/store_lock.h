/* store_lock.h - STORE/LOCK: one writer a store. */
#ifndef INGEST_STORE_LOCK_H
#define INGEST_STORE_LOCK_H

#include "error_text.h"

/* Takes the lock of the store in `folder`, whose path is for messages, and writes our pid into it.
 * *ret_fd holds it: closing that lets go. -EWOULDBLOCK: another process has it. */
int store_lock_take(int folder, const char *path, int *ret_fd, struct error_text *error);

#endif
