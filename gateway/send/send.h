/* send.h - the sources of ingest-send. Each reads its input to the end and pushes it; 0, or the
 * status to exit with, after saying why, or SENDER_INTERRUPTED. */
#ifndef INGEST_SEND_H
#define INGEST_SEND_H

#include "send_options.h"
#include "sender.h"

/* .npy and raw numbers. */
int send_array(const struct send_options *options, struct sender *sender);

int send_csv(const struct send_options *options, struct sender *sender);

int send_lines(const struct send_options *options, struct sender *sender);

int send_host(const struct send_options *options, struct sender *sender);

int send_cosine(const struct send_options *options, struct sender *sender);

#endif
