/* The lives of a daemon, and every way in which they may end.
 *
 * The run itself goes on in two worlds by turns. Before every call that changes something, and
 * before many a store to a mapped file, the moment is tried: power is lost, or the process is
 * killed, in a copy of the world; a store is opened there, looked at, and thrown away. */
#include "crash_run.h"

#include "clock_ns.h"
#include "file_system.h"
#include "kill_points.h"
#include "model_clock.h"
#include "random_bits.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { WORLD_TRIED = 2, WORLD_TRIED_AGAIN, WORLD_RESUMED };
#define BEGIN_NS INT64_C(1700000000000000000)

enum ending { ENDING_CUT, ENDING_KILL, ENDING_CLEAN, ENDING_FAILED };

struct crash_totals crash_totals;
uint64_t crash_point;

static struct crash_run run;
static struct crash_run resumed; /* a copy, in which the gateways go on */
static struct model_world *worlds[MODEL_WORLDS];
static uint64_t point_only;
static bool is_trying;     /* a crash point is looked at */
static bool may_be_unsaid; /* and it may lie between a sync that failed and STATE that says so */
static bool is_warming_up;
static bool is_quiet; /* nothing more is sent */

/* ---- one crash point ---- */

/* What looking at a crash point changes of the shadow. */
struct keep {
    unsigned char heads[CRASH_SERIES_MAX][offsetof(struct crash_series, times)];
    uint64_t stored[CRASH_SESSIONS_MAX];
    uint64_t durable[CRASH_SESSIONS_MAX];
    struct store *store;
    struct model_world *world;
    int64_t now_ns;
    bool has_failed;
};

static void keep(struct keep *kept)
{
    for (size_t i = 0; i < run.plan.series_count; i++)
        memcpy(kept->heads[i], &run.series[i], sizeof kept->heads[i]);
    for (size_t i = 0; i < run.plan.session_count; i++) {
        kept->stored[i] = run.sessions[i].stored;
        kept->durable[i] = run.sessions[i].durable;
    }
    kept->store = run.store;
    kept->world = model_current;
    kept->now_ns = model_now_ns;
    kept->has_failed = run.has_failed;
}

static void put_back(const struct keep *kept)
{
    for (size_t i = 0; i < run.plan.series_count; i++)
        memcpy(&run.series[i], kept->heads[i], sizeof kept->heads[i]);
    for (size_t i = 0; i < run.plan.session_count; i++) {
        run.sessions[i].stored = kept->stored[i];
        run.sessions[i].durable = kept->durable[i];
    }
    run.store = kept->store;
    model_current = kept->world;
    model_now_ns = kept->now_ns;
    run.has_failed = kept->has_failed;
}

static bool is_durable(uint64_t session, uint64_t sequence, void *context)
{
    const struct crash_run *asked = context;
    for (size_t i = 0; i < asked->plan.session_count; i++)
        if (asked->sessions[i].id == session)
            return sequence <= asked->sessions[i].durable;
    return false;
}

static int open_store(struct crash_run *opened, struct error_text *error)
{
    error->text[0] = '\0';
    int result = store_open(CRASH_STORE, &opened->plan.limits, &opened->store, error);
    if (result < 0)
        return result;
    store_set_session_oracle(opened->store, is_durable, opened);
    crash_summaries_keep(opened);
    result = crash_daemon_end_renames(opened, error);
    if (result < 0) {
        store_close(opened->store);
        opened->store = NULL;
    }
    return result;
}

static void close_store(struct crash_run *opened)
{
    model_check_holes(model_current);
    store_close(opened->store);
    opened->store = NULL;
    if (!model_is_at_rest(model_current))
        crash_fail("a descriptor or a mapping is left after store_close()");
}

/* A fault of some kind in one of the next calls. */
static void plan_fault(struct model_world *world, uint64_t *random, uint64_t calls)
{
    struct model_fault *fault = &world->fault;
    fault->kind = (enum model_fault_kind)(1 + random_bits(random) % MODEL_FAULT_SHORT);
    fault->for_ever = random_bits(random) % 2 == 0;
    fault->in_calls = random_bits(random) % calls;
}

/* The run's own worlds take turns. */
static unsigned other_world(void)
{
    return model_current == worlds[0] ? 1 : 0;
}

static bool has_broken(const struct store *store)
{
    struct store_usage usage;
    store_usage(store, &usage);
    return usage.series_broken > 0;
}

/* A series that could not be read when the store was opened is read again by whoever writes to it,
 * and flushed; without that, it is read by the next start. True: all of them are sound. */
static bool read_again(void)
{
    struct store_flush *flush = NULL;
    struct error_text error;
    model_now_ns += 2 * NS_PER_S;
    for (size_t i = 0; i < run.plan.series_count; i++) {
        const char *name = crash_name(&run, i);
        struct series *series = store_find(run.store, name, strlen(name));
        if (series != NULL && series_is_unread(series))
            (void)series_takes(series, 1, 0, 0);
    }
    if (has_broken(run.store) || store_wants_all_sessions(run.store, 0))
        return false;
    if (store_flush_begin(run.store, NULL, 0, &flush) < 0 || flush == NULL)
        crash_fail("what was read again is not flushed");
    if (store_flush_run(flush, &error) < 0)
        crash_fail("what was read again cannot be flushed: %s", error.text);
    store_flush_end(run.store, flush, true);
    crash_totals.revived++;
    return true;
}

/* Opens the store of the world that a crash left, perhaps with a failing call, then without. True:
 * a call has failed. */
static bool recover(bool may_fail, uint64_t *random)
{
    struct error_text error;
    if (may_fail)
        plan_fault(model_current, random, 60);
    int result = open_store(&run, &error);
    bool has_failed = model_current->has_failed;
    model_current->fault = (struct model_fault){0};
    crash_totals.faults += has_failed;
    if (result == 0 && has_failed && has_broken(run.store) &&
        ((run.seed + crash_point) % 2 == 0 || !read_again())) {
        close_store(&run);
        result = -EIO;
    }
    if (result < 0 && has_failed) {
        if (!model_is_at_rest(model_current))
            crash_fail("a descriptor or a mapping is left after store_open() failed");
        run.has_failed = true;
        struct model_world *again = worlds[is_trying ? WORLD_TRIED_AGAIN : other_world()];
        model_kill(again, model_current, true, !may_be_unsaid, random);
        model_current = again;
        result = open_store(&run, &error);
    }
    if (result < 0)
        crash_fail("recovery fails: %s", error.text);
    return has_failed;
}

/* The gateways send what is missing, and go on. */
static void resume(uint64_t *random, bool was_cut)
{
    crash_totals.resends++;
    crash_shadow_copy(&resumed, &run);
    resumed.store = run.store;
    resumed.random = random_bits(random);
    resumed.was_cut = was_cut;
    store_set_session_oracle(resumed.store, is_durable, &resumed);
    crash_state_now(&resumed, &resumed.states[0]);
    resumed.state_count = 1;
    crash_gateway_resend(&resumed);
    for (unsigned i = 0; i < 4; i++)
        (void)crash_gateway_send(&resumed);
    crash_oracle_read(&resumed, true);
}

static void try_point(bool is_cut)
{
    crash_point++;
    if (is_warming_up || (point_only != UINT64_MAX && point_only != crash_point))
        return;
    struct keep kept = {0};
    uint64_t random = run.seed ^ crash_point * UINT64_C(0xd1342543de82ef95);
    uint64_t way = random_bits(&random);
    bool may_fail = way % 16 == 0;
    bool resumes = way / 16 % 8 == 0;
    is_trying = true;
    may_be_unsaid = !is_cut && model_current->has_failed;
    keep(&kept);
    struct model_world *world = worlds[WORLD_TRIED];
    if (is_cut)
        model_cut(world, model_current, may_fail, &random);
    else
        /* Between a sync that failed and STATE that says so nothing leaves the cache, nor in the
         * start after that: that much time nobody can do without. */
        model_kill(world, model_current, may_fail, false, &random);
    /* A plain copy of a store in use, in another place: as a power cut. */
    bool is_copy = !is_cut && way / 4096 % 16 == 0;
    if (is_copy)
        world->device++;
    model_current = world;
    /* A sync that fails makes of a kill what a power cut is. */
    bool has_failed = recover(may_fail, &random) || kept.world->has_failed || kept.has_failed;
    bool was_cut = run.is_recovering ? run.was_cut : is_cut || is_copy;
    size_t state_count = is_cut || is_copy || run.is_recovering || has_failed ? run.state_count : 0;
    bool may_mix = has_failed && !was_cut;
    crash_oracle_state(&run, run.states, state_count,
                       may_mix   ? CRASH_ALLOW_MIXED
                       : was_cut ? CRASH_ALLOW_STATES
                                 : CRASH_ALLOW_OWN);
    crash_oracle_adopt(&run, state_count > 0);
    if (way / 128 % 2 == 0) {
        if (way / 65536 % 4 == 0)
            crash_summaries_catch_up(&run);
        crash_oracle_read(&run, true);
    }
    if (resumes)
        resume(&random, is_cut);
    /* After a call that failed the last time may be an older one, until the next append. */
    if (way / 256 % 16 == 0 && !has_failed)
        crash_oracle_verify(resumes ? &resumed : &run);
    close_store(&run);
    put_back(&kept);
    is_trying = may_be_unsaid = false;
    *(is_cut ? &crash_totals.cuts : &crash_totals.kills) += 1;
    crash_totals.recovering += run.is_recovering;
}

/* ---- what happens in between ---- */

/* What the owner of the store does while another thread is in the middle of a call. */
static void act_meanwhile(void)
{
    uint64_t way = random_bits(&run.random) % 8;
    run.is_other_thread = false;
    if (way == 0 && !run.is_flushing)
        (void)crash_daemon_tick(&run);
    else if (way == 1 && !run.is_checkpointing)
        (void)crash_daemon_checkpoint(&run);
    else
        (void)crash_gateway_send(&run);
    run.is_other_thread = true;
}

static void on_step(const char *call)
{
    (void)call;
    if (is_trying)
        return;
    if (random_bits(&run.random) % 16 == 0)
        model_write_back(model_current, &run.random);
    try_point(true);
    if (random_bits(&run.random) % 4 == 0)
        try_point(false);
    if (run.is_other_thread && !is_quiet && !run.must_exit && random_bits(&run.random) % 4 == 0)
        act_meanwhile();
}

static void on_store(void)
{
    if (is_trying || is_warming_up)
        return;
    uint64_t way = random_bits(&run.random);
    if (way % 16 == 0)
        try_point(way / 1024 % 4 == 0);
    if (way / 16 % 32 == 0 && run.store != NULL && !run.is_recovering) {
        struct model_fault fault = model_current->fault;
        model_current->fault = (struct model_fault){0};
        is_trying = true;
        crash_oracle_read(&run, true);
        is_trying = false;
        model_current->fault = fault;
    }
}

/* ---- a life ---- */

static bool is_full(void)
{
    for (size_t i = 0; i < run.plan.series_count; i++)
        if (run.series[i].count > CRASH_ROWS_MAX - 1000 ||
            run.series[i].block_count > CRASH_BLOCKS_MAX - 100 ||
            run.series[i].run_count > CRASH_RUNS_MAX - 100)
            return true;
    return false;
}

static void warm_up(void)
{
    is_warming_up = true;
    for (unsigned i = 0; i < run.plan.many_runs && !is_full(); i++) {
        (void)crash_gateway_send(&run);
        if (i % 16 == 0 && !crash_daemon_tick(&run))
            crash_fail("a tick fails while nothing does");
    }
    is_warming_up = false;
}

/* One thing that the owner does. */
static void step(void)
{
    uint64_t way = random_bits(&run.random);
    bool ticks = way % run.plan.tick_every == 0;
    if (!ticks &&
        (way / 64 % run.plan.checkpoint_every == 0 || store_checkpoint_is_due(run.store))) {
        (void)crash_daemon_checkpoint(&run);
        return;
    }
    if (ticks || crash_gateway_send(&run) == CRASH_WAITS)
        (void)crash_daemon_tick(&run);
}

static enum ending live(void)
{
    struct crash_reader *reader = NULL;
    enum ending ending = (enum ending)(random_bits(&run.random) % 3);
    unsigned steps = run.plan.steps;
    if (run.plan.delete_every > 0 && random_bits(&run.random) % run.plan.delete_every == 0) {
        /* ingestd --delete, which does nothing else. */
        (void)crash_daemon_delete(&run,
                                  (unsigned)(random_bits(&run.random) % run.plan.series_count));
        ending = ENDING_CLEAN;
        steps = 0;
    }
    if (steps > 0 && run.plan.rename_every > 0 &&
        random_bits(&run.random) % run.plan.rename_every == 0) {
        (void)crash_daemon_rename(&run,
                                  (unsigned)(random_bits(&run.random) % run.plan.series_count));
        ending = ENDING_CLEAN;
        steps = 0;
    }
    for (unsigned i = 0; i < steps && !is_full() && !run.must_exit; i++) {
        step();
        if (reader == NULL && model_current->fault.kind == MODEL_FAULT_NONE &&
            random_bits(&run.random) % 2 == 0) {
            reader = crash_reader_begin(
                &run, (unsigned)(random_bits(&run.random) % run.plan.series_count));
        } else if (reader != NULL) {
            crash_reader_end(&run, reader);
            reader = NULL;
        }
    }
    crash_reader_end(&run, reader);
    is_quiet = true;
    if (ending == ENDING_CLEAN && !run.must_exit)
        (void)crash_daemon_finish(&run);
    is_quiet = false;
    return run.must_exit ? ENDING_FAILED : ending;
}

/* Opens the store as `ending` left it, with crash points all along. */
static void begin_life(enum ending ending, bool may_fail)
{
    run.is_recovering = true;
    run.must_exit = run.has_failed = false;
    /* Where the call that failed had nothing to do with the disk, the cache is believed. */
    bool is_believed = ending == ENDING_KILL || (ending == ENDING_FAILED &&
                                                 crash_oracle_find_state() == STORE_STATE_RUNNING);
    run.was_cut = !is_believed;
    bool has_failed = recover(may_fail, &run.random);
    crash_oracle_state(&run, run.states, run.state_count,
                       run.was_cut  ? CRASH_ALLOW_STATES
                       : has_failed ? CRASH_ALLOW_MIXED
                                    : CRASH_ALLOW_OWN);
    run.is_recovering = run.has_failed = false;
    crash_oracle_adopt(&run, run.was_cut || has_failed);
    is_trying = true;
    crash_oracle_read(&run, false);
    is_trying = false;
    crash_state_now(&run, &run.states[0]);
    run.state_count = 1;
}

static void end_life(enum ending ending)
{
    struct model_world *next = worlds[other_world()];
    struct store *store = run.store;
    crash_totals.faults += model_current->has_failed;
    model_check_holes(model_current);
    if (ending == ENDING_CLEAN) {
        close_store(&run);
        is_trying = true;
        model_current->fault = (struct model_fault){0};
        crash_oracle_check_state(STORE_STATE_CLEAN);
        crash_oracle_verify(&run);
        is_trying = false;
    }
    if (ending == ENDING_CUT || (ending == ENDING_CLEAN && random_bits(&run.random) % 2 == 0))
        model_cut(next, model_current, true, &run.random);
    else
        model_kill(next, model_current, true, true, &run.random);
    is_trying = true;
    if (ending != ENDING_CLEAN)
        store_close(store);
    is_trying = false;
    model_current = next;
}

static void on_violation(const char *format, ...)
{
    crash_fail("%s", format);
}

void crash_run_seed(uint64_t seed, uint64_t only_point)
{
    memset(&run, 0, offsetof(struct crash_run, series));
    for (size_t i = 0; i < CRASH_SERIES_MAX; i++)
        crash_shadow_forget(&run.series[i]);
    memset(run.sources, 0, sizeof run - offsetof(struct crash_run, sources));
    run.seed = run.random = seed;
    crash_point = 0;
    point_only = only_point;
    is_trying = is_warming_up = is_quiet = false;
    model_violation = on_violation;
    model_now_ns = BEGIN_NS;
    run.now_ns = BEGIN_NS;
    crash_plan_make(&run.plan, &run.random);
    for (size_t i = 0; i < run.plan.session_count; i++)
        run.sessions[i].id = 1000 + i;
    for (unsigned i = 0; i < MODEL_WORLDS; i++)
        worlds[i] = model_world_new(i, random_bits(&run.random));
    worlds[0]->is_ordered = random_bits(&run.random) % 2 == 0;
    model_current = worlds[0];
    /* The folder is the administrator's. */
    if (fs_make_folders(FS_HERE, CRASH_STORE) < 0)
        crash_fail("the model has no folders");
    model_sync_all(model_current, false);
    model_step = on_step;
    kill_point = on_store;
    run.state_count = 1;

    unsigned lives = 1 + (unsigned)(random_bits(&run.random) % 6);
    enum ending ending = ENDING_CUT;
    for (unsigned i = 0; i < lives && !is_full(); i++) {
        bool may_fail =
            run.plan.fault_every > 0 && random_bits(&run.random) % run.plan.fault_every == 0;
        begin_life(ending, may_fail && random_bits(&run.random) % 3 == 0);
        if (i == 0 && run.plan.many_runs > 0)
            warm_up();
        if (may_fail)
            plan_fault(model_current, &run.random, 300);
        ending = live();
        end_life(ending);
        crash_totals.lives++;
    }
    begin_life(ending, false);
    crash_gateway_resend(&run);
    is_trying = true;
    crash_oracle_read(&run, false);
    store_close(run.store);
    crash_totals.runs++;
    model_step = NULL;
    kill_point = NULL;
}
