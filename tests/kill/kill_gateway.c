/* A gateway on libingest-gateway. It may be killed at any moment: its session, and how far its
 * batches are durable, are in the shared memory, and the batches follow from the plan. */
#include "kill_shared.h"

#include "clock_ns.h"
#include "random_bits.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define TYPE_MISMATCH 6
#define STORE_FULL    11
#define DRAIN_MS      120000
#define PAUSE_US_MAX  600 /* for each gateway that there is */
#define PAUSE_ONE_IN  2

struct gateway {
    struct kill_shared *shared;
    struct kill_seat *seat;
    unsigned number;
};

static void note_progress(uint64_t stored, uint64_t durable, void *context)
{
    const struct gateway *gateway = context;
    struct kill_seat *seat = gateway->seat;
    uint64_t pushed = atomic_load(&seat->pushed);
    if (stored > pushed || durable > stored)
        kill_fail(gateway->shared,
                  "gateway %u: stored %" PRIu64 " and durable %" PRIu64 " of %" PRIu64 " pushed",
                  gateway->number, stored, durable, pushed);
    kill_raise(&seat->stored, stored);
    kill_raise(&seat->durable, durable);
}

static void note_refused(const struct ingest_refusal *refusal, void *context)
{
    const struct gateway *gateway = context;
    if (refusal->code != TYPE_MISMATCH || refusal->refused_blocks != 1)
        kill_fail(gateway->shared, "gateway %u: batch %" PRIu64 " was refused: %s: %s",
                  gateway->number, refusal->sequence, refusal->code_name, refusal->text);
}

static void note_delayed(const struct ingest_refusal *reason, void *context)
{
    const struct gateway *gateway = context;
    if (reason->code == STORE_FULL)
        kill_fail(gateway->shared, "gateway %u: %s: %s", gateway->number, reason->code_name,
                  reason->text);
}

static struct ingest_gateway *open_gateway(struct gateway *gateway, uint64_t durable)
{
    char name[32];
    snprintf(name, sizeof name, "kill-%u", gateway->number);
    const struct ingest_gateway_options options = {
        .endpoint = gateway->shared->endpoint,
        .name = name,
        .session = atomic_load(&gateway->seat->session),
        .first_sequence = durable + 1,
        .window_batches = 256,
        .reconnect_min_ms = 1,
        .reconnect_max_ms = 4,
        .silence_ms = 2000,
        .on_progress = note_progress,
        .on_refused = note_refused,
        .on_delayed = note_delayed,
        .context = gateway,
    };
    struct ingest_gateway *opened = NULL;
    int result = ingest_gateway_open(&options, &opened);
    if (result < 0)
        kill_fail(gateway->shared, "gateway %u: open: %s", gateway->number, strerror(-result));
    return opened;
}

/* A pause now and then, so that the load is not always the same, nor the machine's all. */
static void pause_some(const struct gateway *gateway, struct ingest_gateway *opened,
                       uint64_t *random)
{
    uint64_t bits = random_bits(random);
    uint64_t us_max = (uint64_t)PAUSE_US_MAX * gateway->shared->gateway_count;
    if (bits % PAUSE_ONE_IN == 0)
        clock_sleep_ns((int64_t)((bits >> 8) % us_max) * NS_PER_US);
    (void)ingest_gateway_poll(opened, 0);
    while (atomic_load(&gateway->shared->is_paused))
        (void)ingest_gateway_poll(opened, 1);
}

void kill_gateway_run(struct kill_shared *shared, unsigned number)
{
    struct gateway gateway = {shared, &shared->seats[number], number};
    struct kill_seat *seat = gateway.seat;
    struct kill_batch *batch = kill_batch_new();
    struct kill_state state;
    uint64_t random = shared->seed + number;
    uint64_t durable = atomic_load(&seat->durable);
    kill_state_begin(&state, shared->seed, number);
    while (state.sequence < durable)
        kill_state_advance(&state);
    struct ingest_gateway *opened = open_gateway(&gateway, durable);
    while (opened != NULL && !atomic_load(&shared->has_failed)) {
        /* What was pushed before this process is pushed again, also at the end. */
        if (atomic_load(&shared->is_finishing) && state.sequence >= atomic_load(&seat->pushed))
            break;
        size_t block_count;
        const struct ingest_block *blocks = kill_batch_make(batch, &state, &block_count);
        kill_raise(&seat->pushed, state.sequence);
        uint64_t sequence = 0;
        int result = ingest_gateway_push(opened, blocks, block_count, -1, &sequence);
        if (result < 0 || sequence != state.sequence)
            kill_fail(shared, "gateway %u: push %" PRIu64 ": %s, as %" PRIu64, number,
                      state.sequence, strerror(-result), sequence);
        pause_some(&gateway, opened, &random);
    }
    if (opened != NULL && !atomic_load(&shared->has_failed)) {
        int result = ingest_gateway_drain(opened, INGEST_DURABLE, DRAIN_MS);
        if (result < 0)
            kill_fail(shared, "gateway %u: drain: %s", number, strerror(-result));
        struct ingest_gateway_status status;
        ingest_gateway_status(opened, &status);
        atomic_fetch_add(&seat->resent, status.resent_batches);
        atomic_store(&seat->is_drained, true);
    }
    ingest_gateway_close(opened);
    kill_batch_free(batch);
}
