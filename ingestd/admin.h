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

#endif
