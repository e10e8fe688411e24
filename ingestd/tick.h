/* tick.h - making durable what was stored: every flush.interval, and when somebody waits for it.
 *
 * One tick runs at a time. What is stored while it runs belongs to the next one, which begins at
 * once if it was demanded: that is the group commit. Ticks are numbered from 1, and an answer that
 * waits holds the number, its ticket. */
#ifndef INGEST_TICK_H
#define INGEST_TICK_H

#include "daemon.h"

/* The first tick is due one interval from now. */
void tick_start(struct daemon *daemon);

/* The tick that will cover what is stored now. */
uint64_t tick_ticket_next(const struct daemon *daemon);

/* The tick that covers a batch which was stored before: the one under way, or the next. */
uint64_t tick_ticket_for(const struct daemon *daemon, const struct session *session,
                         uint64_t sequence);

/* The last tick that has ended. */
uint64_t tick_ticket_ended(const struct daemon *daemon);

/* A tick begins as soon as none is under way. */
void tick_demand(struct daemon *daemon);

/* Begins a tick if one is due or demanded and none is under way. */
void tick_turn(struct daemon *daemon);

/* The flusher's descriptor was readable: ends the tick. */
void tick_collect(struct daemon *daemon);

/* Makes durable what is stored, and waits for it: for the tick under way, and for one more. Between
 * two batches only. 0, or -EIO when a sync failed: the daemon ends. */
int tick_now(struct daemon *daemon);

/* Puts the sessions that the journal does not have as they are, or all of them, into
 * daemon->tick.sessions. -ENOMEM. */
int tick_gather_sessions(struct daemon *daemon, bool all, size_t *ret_count);

/* What the worker does with a store_flush. */
int tick_run(void *job, struct error_text *error);

#endif
