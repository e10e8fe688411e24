/* kill_shared.h - what the processes of a run have in common: memory that outlives each of them. */
#ifndef INGEST_KILL_SHARED_H
#define INGEST_KILL_SHARED_H

#include "kill_plan.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* What a gateway knows of its queue; it is killed, this is not. Only ever raised. */
struct kill_seat {
    _Atomic uint64_t session;
    _Atomic uint64_t pushed;
    _Atomic uint64_t stored;
    _Atomic uint64_t durable;
    _Atomic uint64_t resent;
    atomic_bool is_drained;
};

struct kill_shared {
    uint64_t seed;
    unsigned gateway_count;
    char store[256];
    char endpoint[256];
    atomic_bool is_paused;    /* gateways push nothing new for a while */
    atomic_bool is_finishing; /* gateways push no more and wait until all is durable */
    atomic_bool is_over;      /* readers end */
    struct kill_seat seats[KILL_GATEWAYS_MAX];
    _Atomic uint64_t rows_read; /* checked by readers under the load */
    _Atomic uint64_t snapshots;
    atomic_flag is_text_taken;
    atomic_bool has_failed;
    char text[1024];
};

/* Notes the first thing that went wrong; any process. */
__attribute__((format(printf, 2, 3))) void kill_fail(struct kill_shared *shared, const char *format,
                                                     ...);

/* Raises a number that only rises. */
void kill_raise(_Atomic uint64_t *number, uint64_t value);

/* The roles of child processes; they end with the parent, by SIGKILL or when told. */
void kill_gateway_run(struct kill_shared *shared, unsigned gateway);
void kill_reader_run(struct kill_shared *shared, uint64_t seed);

#endif
