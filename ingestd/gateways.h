/* gateways.h - keeps gateways.npy: once a second the sessions that were heard of since; and, with
 * CURVE, over a restart, which key a session belongs to. */
#ifndef INGEST_GATEWAYS_H
#define INGEST_GATEWAYS_H

#include "daemon.h"

/* With CURVE the rows of the daemon before this one stay, and the sessions of the table, which are
 * those of the journal by then, belong to the keys that they name. -errno, logged. */
int gateways_open(struct daemon *daemon);
void gateways_close(struct daemon *daemon);

/* Writes the session's row now: its owner is another from here on. */
void gateways_note_owner(struct daemon *daemon, struct session *session);

/* Once a second. */
void gateways_beat(struct daemon *daemon);

#endif
