/* kill_query.h - ingest-query, run now and then over whatever happens to the daemon. */
#ifndef INGEST_KILL_QUERY_H
#define INGEST_KILL_QUERY_H

#include "kill_daemon.h"

#include <stdint.h>

struct kill_query {
    pid_t pid; /* 0 = none under way */
    bool is_dump;
    uint64_t answered;
};

/* Starts one, unless one is under way. */
void kill_query_start(struct kill_query *query, const struct kill_programs *programs,
                      struct kill_shared *shared, const char *folder, uint64_t bits);

/* Looks at what one said that has ended. */
void kill_query_reap(struct kill_query *query, struct kill_shared *shared, const char *folder);

/* Waits for the one under way. */
void kill_query_finish(struct kill_query *query, struct kill_shared *shared, const char *folder);

/* ingest-query verify finds nothing in the store. */
void kill_query_verify(const struct kill_programs *programs, struct kill_shared *shared,
                       const char *folder);

#endif
