/* access.h - who comes in ([security] mode = curve), and as whom a frame is taken. */
#ifndef INGEST_ACCESS_H
#define INGEST_ACCESS_H

#include "clients.h"
#include "log.h"
#include "network.h"

struct daemon;
struct session;

struct access {
    struct clients *clients; /* NULL: mode = none, everybody writes everything */
    /* Lines in the log, each kind by itself, so that one does not hide another. */
    struct log_limit unknown_limit;
    struct log_limit revoked_limit;
    struct log_limit fault_limits[NETWORK_FAULTS];
};

/* Checks what the configuration, which was read from `path`, names: 0 or an exit code, and then
 * every mistake was logged. */
int access_check(const struct config *config, const char *path);

/* Shuts the door before the first endpoint is bound. As above. */
int access_open(struct daemon *daemon);

/* A reload, first half: reads the certificates again (NULL without CURVE). -EINVAL and others:
 * logged. Second half: they are in force, and the old ones are freed. */
int access_read_again(const struct daemon *daemon, const struct config *config,
                      struct clients **ret_clients);
void access_take(struct daemon *daemon, struct clients *clients);

/* Who sent the frame; NULL: a key that is not authorised any more. Valid until access_take(). */
const struct client *access_writer(const struct daemon *daemon, const struct network_frame *frame);

/* True when this writer may use the session; from then on it is its. A session belongs to the key
 * that used it first, as long as that is authorised: nobody who knows its number can make others'
 * batches be taken for duplicates. gateways.npy keeps the key over a restart. */
bool access_takes_session(const struct daemon *daemon, struct session *session,
                          const struct client *writer);

void access_close(struct daemon *daemon);

#endif
