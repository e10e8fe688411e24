/* state_file.h - STORE/STATE: whether the arrays can be taken as they are.
 *
 *   recovering                    recovery has begun, or a sync failed: believe the journal alone
 *   running BOOT-ID DEVICE INODE  a writer was at work; in the same boot of the same machine and
 *                                 the same folder the kernel still has all that it wrote
 *   clean                         all is synced */
#ifndef INGEST_STATE_FILE_H
#define INGEST_STATE_FILE_H

#include "error_text.h"

#include <stdbool.h>

enum store_state {
    STORE_STATE_NONE, /* there is no STATE */
    STORE_STATE_CLEAN,
    STORE_STATE_RUNNING,  /* of this boot and place: as good as clean for whoever reads now */
    STORE_STATE_REBOOTED, /* running, of another boot: power was lost, or the machine restarted */
    STORE_STATE_MOVED,    /* running, of another place: a copy of a store in use */
    STORE_STATE_RECOVERING,
    STORE_STATE_DAMAGED /* it says nothing that is known */
};

/* Reads it; `folder` is the store's. An unreadable boot id matches nothing. Negative errno when the
 * file is there and cannot be read. Any thread. */
int state_file_read(int folder, enum store_state *ret_state);

/* Whether it is written byte by byte as state_file_write() writes it; also when it is not there. */
int state_file_is_exact(int folder, bool *ret_is_exact);

/* Writes and syncs it: RECOVERING, RUNNING (this boot and place) or CLEAN. Readers find the old
 * line or the new one. */
int state_file_write(int folder, enum store_state state);

/* The same through the descriptor of state_file_hold(), where there may be none left for another;
 * not RUNNING. */
int state_file_rewrite(int fd, enum store_state state);

/* Locks it, as long as the descriptor is open: whoever has written RUNNING is at work.
 * -EWOULDBLOCK: somebody else has. */
int state_file_hold(int folder, int *ret_fd);

/* Whether somebody holds it; false where that cannot be told. Takes no lock itself. */
bool state_file_is_held(int folder);

/* "power was lost, recovery is due", and so on: for messages. */
const char *state_text(enum store_state state);

#endif
