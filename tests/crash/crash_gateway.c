/* The gateways, and the daemon's part in taking their batches. */
#include "crash_run.h"

#include "random_bits.h"

#include <errno.h>
#include <string.h>

/* Farther apart than the jitter of a rule. */
#define RUN_GAP_NS INT64_C(50000000)

/* ---- making batches ---- */

static void make_regular(struct crash_run *run, struct crash_batch_block *block)
{
    const struct crash_plan_series *plan = &run->plan.series[block->series];
    struct crash_source *source = &run->sources[block->series];
    block->clock = BLOCK_REGULAR;
    int64_t next_ns = source->t0_ns + (int64_t)source->steps * source->period_ps / 1000;
    if (source->t0_ns == 0 || random_bits(&run->random) % plan->run_every == 0) {
        source->t0_ns = (next_ns > run->now_ns ? next_ns : run->now_ns) + RUN_GAP_NS;
        source->period_ps = plan->period_ps * (int64_t)(1 + random_bits(&run->random) % 2);
        source->steps = 0;
        next_ns = source->t0_ns;
    }
    block->t0_ns = next_ns;
    block->period_ps = source->period_ps;
    source->steps += block->rows;
}

static bool owns(const struct crash_run *run, size_t session, unsigned series)
{
    return run->plan.series[series].type.clock != SERIES_REGULAR ||
           series % run->plan.session_count == session;
}

/* False: there is no series that this session may write to. */
static bool make_batch(struct crash_run *run, size_t session, struct crash_batch *batch)
{
    batch->block_count = 0;
    unsigned first = (unsigned)(random_bits(&run->random) % run->plan.series_count);
    size_t wanted = 1 + random_bits(&run->random) % CRASH_BATCH_BLOCKS_MAX;
    for (unsigned i = 0; i < run->plan.series_count && batch->block_count < wanted; i++) {
        unsigned number = (first + i) % (unsigned)run->plan.series_count;
        const struct crash_plan_series *plan = &run->plan.series[number];
        if (!owns(run, session, number))
            continue;
        struct crash_batch_block *block = &batch->blocks[batch->block_count++];
        *block = (struct crash_batch_block){.series = number};
        block->rows = 1 + random_bits(&run->random) % plan->rows_a_block;
        if (plan->capacity > 0 && run->plan.whole_every > 0 &&
            random_bits(&run->random) % run->plan.whole_every == 0)
            block->rows = 1 + random_bits(&run->random) % plan->capacity;
        if (plan->type.clock == SERIES_REGULAR) {
            make_regular(run, block);
        } else {
            block->clock = random_bits(&run->random) % 4 == 0 ? BLOCK_ARRIVAL : BLOCK_EXPLICIT;
            block->t0_ns = run->now_ns;
        }
    }
    return batch->block_count > 0;
}

/* ---- taking them ---- */

/* A call that was made to fail. */
static int refused(const char *what, int result)
{
    if (!model_current->has_failed)
        crash_fail("%s: %s, and nothing had failed", what, strerror(-result));
    return -EAGAIN;
}

static int find_series(struct crash_run *run, unsigned number, struct series **ret_series)
{
    const struct crash_plan_series *plan = &run->plan.series[number];
    struct crash_series *shadow = &run->series[number];
    struct error_text error = {{0}};
    const char *name = crash_name(run, number);
    *ret_series = store_find(run->store, name, strlen(name));
    if (*ret_series != NULL)
        return 0;
    if (shadow->exists)
        crash_fail("%s is gone", name);
    crash_shadow_forget(shadow);
    name = crash_name(run, number);
    int result = store_create(run->store, name, strlen(name), &plan->type, &plan->rule,
                              plan->period_ps, ret_series, &error);
    if (result < 0)
        return refused(error.text, result);
    shadow->exists = true;
    shadow->id = series_id(*ret_series);
    return 0;
}

static int append(struct crash_run *run, const struct crash_session *session,
                  const struct crash_batch *batch, const struct crash_batch_block *block)
{
    /* Not static: while this is copied, gateways go on in other worlds. */
    char values[CRASH_BLOCK_ROWS_MAX * CRASH_SAMPLE_BYTES_MAX];
    int64_t times_ns[CRASH_BLOCK_ROWS_MAX];
    uint64_t keys[CRASH_BLOCK_ROWS_MAX];
    const struct crash_plan_series *plan = &run->plan.series[block->series];
    struct crash_series *shadow = &run->series[block->series];
    struct series *series;
    int result = find_series(run, block->series, &series);
    if (result < 0)
        return result;
    /* Again: of one that was only now made nothing was known. */
    crash_shadow_ask(run, block->series, block->rows);
    series_set_rule(series, &plan->rule, NULL);

    for (uint64_t i = 0; i < block->rows; i++)
        keys[i] = crash_key(session, batch, block->series, i);
    crash_values(plan, keys, block->rows, values);
    crash_sent_times(block, times_ns);
    struct series_block sent = {.values = values,
                                .times_ns = times_ns,
                                .count = block->rows,
                                .clock = block->clock,
                                .t0_ns = block->t0_ns,
                                .period_ps = block->period_ps};
    bool is_duplicate = crash_shadow_has(shadow, session->id, batch->sequence);
    uint32_t rows = is_duplicate ? 0 : crash_shadow_expect(run, session, batch, block);
    struct series_append_result told;
    result = series_append(series, &sent, session->id, batch->sequence, run->now_ns, &told);
    if (result < 0) {
        crash_shadow_cut(shadow, shadow->count);
        return refused(crash_name(run, block->series), result);
    }
    if (told.duplicate != is_duplicate)
        crash_fail("%s: batch %llu of session %llu %s", crash_name(run, block->series),
                   (unsigned long long)batch->sequence, (unsigned long long)session->id,
                   is_duplicate ? "is applied twice" : "is taken for a duplicate");
    if (told.appended != rows)
        crash_fail("%s: %llu rows appended, not %u", crash_name(run, block->series),
                   (unsigned long long)told.appended, rows);
    crash_shadow_commit(shadow);
    return 0;
}

/* Whether every series takes its block before the next flush. */
static bool takes_batch(struct crash_run *run, const struct crash_session *session,
                        const struct crash_batch *batch)
{
    bool takes = true;
    for (size_t i = 0; i < batch->block_count; i++) {
        const struct crash_batch_block *block = &batch->blocks[i];
        const char *name = crash_name(run, block->series);
        struct series *series = store_find(run->store, name, strlen(name));
        crash_shadow_ask(run, block->series, block->rows);
        if (series != NULL && !series_takes(series, block->rows, block->period_ps, session->id))
            takes = false;
    }
    return takes;
}

static enum crash_sent take_batch(struct crash_run *run, struct crash_session *session,
                                  const struct crash_batch *batch)
{
    if (!takes_batch(run, session, batch))
        return CRASH_WAITS;
    run->now_ns += 1000;
    run->in_batch = true;
    int result = 0;
    for (size_t i = 0; i < batch->block_count && result == 0; i++)
        result = append(run, session, batch, &batch->blocks[i]);
    if (result == 0)
        session->stored = batch->sequence;
    else if (store_note_partial(run->store, session->id, batch->sequence) < 0)
        crash_fail("store_note_partial");
    run->in_batch = false;
    return result == 0 ? CRASH_SENT : CRASH_REFUSED;
}

static enum crash_sent send_next(struct crash_run *run, size_t number)
{
    struct crash_session *session = &run->sessions[number];
    uint64_t sequence = session->stored + 1;
    struct crash_batch *batch = &session->pending[sequence % CRASH_PENDING_MAX];
    if (sequence > session->generated) {
        if (session->generated - session->durable >= CRASH_PENDING_MAX ||
            !make_batch(run, number, batch))
            return CRASH_IDLE;
        batch->sequence = session->generated = sequence;
    }
    if (batch->sequence != sequence)
        crash_fail("session %llu has forgotten batch %llu, and the daemon asks for it",
                   (unsigned long long)session->id, (unsigned long long)sequence);
    return take_batch(run, session, batch);
}

enum crash_sent crash_gateway_send(struct crash_run *run)
{
    return send_next(run, random_bits(&run->random) % run->plan.session_count);
}

/* Rounds of the sessions in which none of them comes further, although all that moved is flushed.
 */
#define WAITS_MAX 8

void crash_gateway_resend(struct crash_run *run)
{
    unsigned waits = 0;
    for (bool is_waiting = true; is_waiting;) {
        bool has_moved = false;
        is_waiting = false;
        for (size_t i = 0; i < run->plan.session_count; i++) {
            enum crash_sent sent = CRASH_SENT;
            while (run->sessions[i].stored < run->sessions[i].generated && sent == CRASH_SENT) {
                sent = send_next(run, i);
                has_moved = has_moved || sent == CRASH_SENT;
            }
            if (sent == CRASH_REFUSED)
                return;
            is_waiting = is_waiting || sent == CRASH_WAITS;
        }
        if (is_waiting && !crash_daemon_tick(run))
            return;
        waits = has_moved ? 0 : waits + 1;
        if (waits > WAITS_MAX)
            crash_fail("batches wait after %u flushes", waits);
    }
}

void crash_gateway_greet(struct crash_run *run, const uint64_t *stored)
{
    for (size_t i = 0; i < run->plan.session_count; i++) {
        struct crash_session *session = &run->sessions[i];
        session->stored = session->durable = stored[i];
    }
}
