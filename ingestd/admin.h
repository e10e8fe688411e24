/* admin.h - work on a store that no daemon runs on. */
#ifndef INGEST_ADMIN_H
#define INGEST_ADMIN_H

#include "config.h"

/* Deletes every series that matches the glob and prints their names. Returns an exit code: 66 when
 * none matches, 75 while a daemon runs. */
int admin_delete(const struct config *config, const char *glob);

/* Renames a series. Returns an exit code: 66 when there is no such series, 73 when the new name is
 * taken. */
int admin_rename(const struct config *config, const char *name, const char *new_name);

/* Repairs the store (repair.h) and prints what was done, a line each. Returns an exit code: 0 when
 * the store can be used afterwards, 66 when there is none, 75 while a daemon runs. */
int admin_repair(const struct config *config);

#endif
