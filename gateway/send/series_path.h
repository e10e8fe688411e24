/* series_path.h - series' names from names that others gave: column headers, devices, hosts. */
#ifndef INGEST_SERIES_PATH_H
#define INGEST_SERIES_PATH_H

#include <stdbool.h>
#include <stddef.h>

/* Appends one segment to a name ("" = none yet), with '/' between them. Bytes that a name may not
 * hold are percent-encoded, as the daemon does for line protocol. False when it does not fit, or
 * the segment is empty; the name is unchanged then. */
bool series_path_append(char *path, size_t path_bytes, const char *segment);

#endif
