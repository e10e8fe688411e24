#include "kill_check.h"

#include "kill_rows.h"
#include "random_bits.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Rows before those that are new are looked at again, as many as this. */
#define ROWS_AGAIN 100

struct kill_check {
    struct kill_shared *shared;
    struct kill_state acked[KILL_GATEWAYS_MAX]; /* all of whose rows must be there */
    uint64_t counts[KILL_GATEWAYS_MAX][KILL_SERIES];
    uint64_t checked[KILL_GATEWAYS_MAX][KILL_SERIES]; /* rows below are known to be right */
    struct kill_rows rows[KILL_GATEWAYS_MAX][KILL_SERIES];
};

struct kill_check *kill_check_new(struct kill_shared *shared)
{
    struct kill_check *check = calloc(1, sizeof *check);
    void *values = calloc(KILL_ROWS_MAX, KILL_ROW_BYTES_MAX);
    int64_t *times_ns = malloc(KILL_ROWS_MAX * sizeof *times_ns);
    if (check == NULL || values == NULL || times_ns == NULL)
        abort();
    check->shared = shared;
    for (unsigned g = 0; g < KILL_GATEWAYS_MAX; g++) {
        kill_state_begin(&check->acked[g], shared->seed, g);
        for (unsigned s = 0; s < KILL_SERIES; s++)
            check->rows[g][s] = (struct kill_rows){.shared = shared,
                                                   .gateway = g,
                                                   .series = s,
                                                   .values = values,
                                                   .times_ns = times_ns};
    }
    return check;
}

void kill_check_free(struct kill_check *check)
{
    free(check->rows[0][0].values);
    free(check->rows[0][0].times_ns);
    for (unsigned g = 0; g < KILL_GATEWAYS_MAX; g++)
        for (unsigned s = 0; s < KILL_SERIES; s++)
            kill_rows_close(&check->rows[g][s]);
    free(check);
}

/* The count of a series, and its rows when they are wanted. */
static uint64_t look(struct kill_check *check, unsigned gateway, unsigned series, bool with_rows)
{
    struct kill_rows *rows = &check->rows[gateway][series];
    struct reader_snapshot snapshot = {0};
    uint64_t known = check->checked[gateway][series];
    uint64_t from = !with_rows ? UINT64_MAX : known > ROWS_AGAIN ? known - ROWS_AGAIN : 0;
    uint64_t looked_at = 0;
    int result = kill_rows_check(rows, from, &snapshot, &looked_at);
    if (result == -ESTALE)
        result = kill_rows_check(rows, from, &snapshot, &looked_at);
    if (result < 0 && result != -ENOENT) {
        char name[64];
        kill_fail(check->shared, "reading %s: %s", kill_series_name(gateway, series, name),
                  strerror(-result));
    }
    if (result == -ENOENT && rows->last_count > 0)
        kill_fail(check->shared, "gateway %u, series %u is gone", gateway, series);
    if (with_rows)
        check->checked[gateway][series] = snapshot.count;
    check->counts[gateway][series] = snapshot.count;
    return looked_at;
}

/* Whether the gateway's own series hold each row up to its state's batch, and of the next batch
 * each block or none. */
static bool is_whole(const struct kill_check *check, const struct kill_state *state,
                     const struct kill_state *next, unsigned *ret_series)
{
    const uint64_t *counts = check->counts[state->gateway];
    for (unsigned s = 0; s < KILL_OWN; s++) {
        if (counts[s] != state->rows[s] && counts[s] != next->rows[s]) {
            *ret_series = s;
            return false;
        }
    }
    return true;
}

static void check_counts(struct kill_check *check, unsigned gateway)
{
    const struct kill_seat *seat = &check->shared->seats[gateway];
    struct kill_state *acked = &check->acked[gateway];
    uint64_t stored = atomic_load(&seat->stored);
    uint64_t pushed = atomic_load(&seat->pushed);
    while (acked->sequence < stored)
        kill_state_advance(acked);
    struct kill_state at = *acked;
    unsigned series = 0;
    for (;;) {
        struct kill_state next = at;
        kill_state_advance(&next);
        if (is_whole(check, &at, at.sequence < pushed ? &next : &at, &series))
            return;
        if (at.sequence >= pushed)
            break;
        at = next;
    }
    /* Which series it is tells the first state best. */
    struct kill_state next = *acked;
    kill_state_advance(&next);
    (void)is_whole(check, acked, &next, &series);
    char name[64];
    kill_fail(check->shared,
              "%s: %" PRIu64 " rows, of no batch from the stored %" PRIu64 " (%" PRIu64
              " rows) to the pushed %" PRIu64 " (%" PRIu64 " rows)",
              kill_series_name(gateway, series, name), check->counts[gateway][series], stored,
              acked->rows[series], pushed, at.rows[series]);
}

static void check_shared_count(struct kill_check *check, unsigned series)
{
    uint64_t least = 0;
    for (unsigned g = 0; g < check->shared->gateway_count; g++)
        least += check->acked[g].rows[series];
    if (check->counts[0][series] < least)
        kill_fail(check->shared, "%s: %" PRIu64 " rows, and %" PRIu64 " were acknowledged",
                  kill_facts(series)->label, check->counts[0][series], least);
}

uint64_t kill_check_dead(struct kill_check *check, uint64_t *random, unsigned rows_one_in)
{
    uint64_t looked_at = 0;
    for (unsigned g = 0; g < check->shared->gateway_count; g++) {
        for (unsigned s = 0; s < (g == 0 ? KILL_SERIES : KILL_OWN); s++)
            looked_at += look(check, g, s, random_bits(random) % rows_one_in == 0);
        check_counts(check, g);
    }
    for (unsigned s = KILL_OWN; s < KILL_SERIES; s++)
        check_shared_count(check, s);
    return looked_at;
}

static void check_shared_total(struct kill_check *check, unsigned series)
{
    uint64_t total = 0;
    for (unsigned g = 0; g < check->shared->gateway_count; g++) {
        uint64_t sent = check->acked[g].rows[series];
        uint64_t next = kill_rows_shared_next[g];
        total += sent;
        if (next != 0 && next != sent)
            kill_fail(check->shared,
                      "%s: gateway %u sent %" PRIu64 " rows, the last one is %" PRIu64,
                      kill_facts(series)->label, g, sent, next - 1);
    }
    if (check->counts[0][series] != total)
        kill_fail(check->shared, "%s: %" PRIu64 " rows, and %" PRIu64 " were sent",
                  kill_facts(series)->label, check->counts[0][series], total);
}

uint64_t kill_check_total(struct kill_check *check)
{
    uint64_t looked_at = 0;
    for (unsigned g = 0; g < check->shared->gateway_count; g++) {
        struct kill_state *acked = &check->acked[g];
        uint64_t pushed = atomic_load(&check->shared->seats[g].pushed);
        while (acked->sequence < pushed)
            kill_state_advance(acked);
        for (unsigned s = 0; s < KILL_OWN; s++) {
            check->checked[g][s] = 0;
            looked_at += look(check, g, s, true);
            char name[64];
            if (check->counts[g][s] != acked->rows[s])
                kill_fail(check->shared, "%s: %" PRIu64 " rows, and %" PRIu64 " were sent",
                          kill_series_name(g, s, name), check->counts[g][s], acked->rows[s]);
        }
    }
    for (unsigned s = KILL_OWN; s < KILL_SERIES; s++) {
        check->checked[0][s] = 0;
        looked_at += look(check, 0, s, true);
        check_shared_total(check, s);
    }
    return looked_at;
}
