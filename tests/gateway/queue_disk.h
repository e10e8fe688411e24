/* queue_disk.h - a disk under a queue, which loses its power or fails: the queue's system calls
 * (gateway/queue_file.c) are wrapped. The files are real; what is durable of them is known here. */
#ifndef INGEST_QUEUE_DISK_H
#define INGEST_QUEUE_DISK_H

#include <stdbool.h>
#include <stdint.h>

/* Begins with a folder that need not be there yet; all that is in it counts as durable. */
void queue_disk_begin(const char *folder, uint64_t *random);
void queue_disk_end(void);

/* Nothing of it is open. Leaves of each file what was synced, what was written since, or sectors of
 * the one and of the other; of names that were changed since the folder was synced some are as they
 * were. Another boot id is read from then on. */
void queue_disk_cut_power(void);

/* The call after so many fails, and from then on all do if it is `for_ever`. A write that fails has
 * written some. -1 ends it, and that of the folder. */
void queue_disk_fail(int calls, bool for_ever);

/* The next sync of the folder fails: what was renamed is there, and perhaps not for long. */
void queue_disk_fail_folder_sync(void);

/* Whether a call has failed since. */
bool queue_disk_has_failed(void);

#endif
