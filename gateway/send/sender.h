/* sender.h - the gateway as ingest-send uses it: it counts samples, shows progress, prints
 * refusals, and gives up. */
#ifndef INGEST_SENDER_H
#define INGEST_SENDER_H

#include "ingest_gateway.h"
#include "send_options.h"

struct sender;

/* Connects and waits for the daemon's first answer. Returns 0 or the status to exit with, and then
 * said why. A live source (`is_live`) waits out a daemon that goes away later; a file gives up
 * after --timeout. */
int sender_open(const struct send_options *options, bool is_live, struct sender **ret_sender);

/* Waits until what was pushed is acknowledged as --ack says (after an interrupt not for long),
 * prints the summary and frees. `status` is how reading the input ended; returns the status to exit
 * with. */
int sender_close(struct sender *sender, int status);

/* Pushes a batch; waits as long as it takes. 0 or the status to exit with; SENDER_INTERRUPTED: the
 * user wants to end. */
int sender_push(struct sender *sender, const struct ingest_block *blocks, size_t block_count);

/* The same for line protocol. `first_line` is the number of the text's first line, for messages. */
int sender_push_lines(struct sender *sender, const char *text, size_t text_bytes,
                      uint64_t first_line);

/* Moves the connection on until the descriptor is readable (-1 = none) or the time has come. 0:
 * readable or -1 and time; SENDER_IDLE: a descriptor was given, and the time came first; or a
 * status to exit with. */
int sender_wait(struct sender *sender, int fd, int64_t until_monotonic_ns);

/* Puts what was refused back into a queue. 0 or the status to exit with. */
int sender_resend(struct sender *sender);

/* Bytes of the largest frame that the daemon takes. */
size_t sender_frame_bytes_max(const struct sender *sender);

#define SENDER_INTERRUPTED (-1)
#define SENDER_IDLE        (-2)

#endif
