/* replies.h - what is answered, and when (docs/protocol.md, "Reply"). */
#ifndef INGEST_REPLIES_H
#define INGEST_REPLIES_H

#include "daemon.h"

/* Answers the batch `sequence` of a session now. `session` NULL: a batch without one, whose number
 * is 0. */
void replies_answer(struct daemon *daemon, const struct network_route *route,
                    struct session *session, uint64_t sequence, const struct verdict *verdict);

/* A batch of a session was stored or was there before: it is answered with others, at the latest
 * after some batches or when there is nothing more to read. */
void replies_note_stored(struct daemon *daemon, struct session *session, size_t frame_bytes);

/* Answers when tick `ticket` has ended (WAIT). -EBUSY: too many wait; -ENOMEM. */
int replies_defer(struct daemon *daemon, const struct network_route *route, uint64_t session,
                  uint64_t sequence, const struct verdict *verdict, uint64_t ticket);

/* True when no further answer can be deferred. */
bool replies_deferred_is_full(const struct daemon *daemon);

#define REPLIES_ALL_SOCKETS SIZE_MAX
/* Nothing more to read on a socket: what was noted for its sessions is answered. */
void replies_socket_idle(struct daemon *daemon, size_t socket);

/* Tick `ticket` has ended: those who waited for it, or for one before it, are answered. */
void replies_tick_ended(struct daemon *daemon, uint64_t ticket);

/* The session's `durable` moved: it is told, unless it was just now. */
void replies_durable(struct daemon *daemon, struct session *session);

/* Shares the credit anew among the sessions that are alive. */
void replies_share_credit(struct daemon *daemon);

/* Frees what waits. */
void replies_free(struct daemon *daemon);

#endif
