/* gateways.h - keeps gateways.npy: once a second the sessions that were heard of since. */
#ifndef INGEST_GATEWAYS_H
#define INGEST_GATEWAYS_H

#include "daemon.h"

/* -errno, logged. */
int gateways_open(struct daemon *daemon);
void gateways_close(struct daemon *daemon);

/* Once a second. */
void gateways_beat(struct daemon *daemon);

#endif
