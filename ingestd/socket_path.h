/* socket_path.h - the files that ipc endpoints are. */
#ifndef INGEST_SOCKET_PATH_H
#define INGEST_SOCKET_PATH_H

#include <stdbool.h>

/* The path of an ipc endpoint that is a file; NULL for other endpoints and for abstract names. */
const char *socket_path(const char *endpoint);

/* Binding an ipc path unlinks what is there, even the socket of a living process: true when one
 * answers there. */
bool socket_path_is_taken(const char *endpoint);

#endif
