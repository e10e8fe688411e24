/* What the daemon does beside taking batches: ticks, checkpoints, its end. */
#include "crash_run.h"

#include <string.h>

static void must_have_failed(const char *what, const struct error_text *error)
{
    if (!model_current->has_failed)
        crash_fail("%s fails, and nothing had failed: %s", what, error->text);
}

/* The sessions that moved since the last flush, or all. */
static size_t list_sessions(const struct crash_run *run, bool all,
                            struct store_session ret_sessions[CRASH_SESSIONS_MAX])
{
    size_t count = 0;
    for (size_t i = 0; i < run->plan.session_count; i++) {
        const struct crash_session *session = &run->sessions[i];
        if (session->stored > 0 && (all || session->stored > session->durable))
            ret_sessions[count++] = (struct store_session){session->id, session->stored};
    }
    return count;
}

static void settle(struct crash_run *run, const struct crash_state *state)
{
    run->states[0] = *state;
    run->state_count = 1;
    for (size_t i = 0; i < run->plan.session_count; i++)
        run->sessions[i].durable = state->stored[i];
}

bool crash_daemon_tick(struct crash_run *run)
{
    struct store_session sessions[CRASH_SESSIONS_MAX];
    struct store_flush *flush;
    struct error_text error = {{0}};
    struct crash_state state;
    crash_summaries_catch_up(run);
    size_t count = list_sessions(run, false, sessions);
    if (store_wants_all_sessions(run->store, count))
        count = list_sessions(run, true, sessions);
    int result = store_flush_begin(run->store, sessions, count, &flush);
    if (result < 0)
        crash_fail("store_flush_begin: %s", strerror(-result));
    if (flush == NULL)
        return true;
    crash_state_now(run, &state);
    run->states[run->state_count++] = state;
    bool was_other_thread = run->is_other_thread;
    run->is_flushing = run->is_other_thread = true;
    result = store_flush_run(flush, &error);
    run->is_other_thread = was_other_thread;
    if (result < 0)
        must_have_failed("a flush", &error);
    /* `durable` is published, and the acknowledgement goes out after that. */
    store_flush_end(run->store, flush, result == 0);
    run->is_flushing = false;
    run->must_exit = run->must_exit || result < 0;
    if (run->must_exit)
        return false;
    settle(run, &state);
    return true;
}

bool crash_daemon_checkpoint(struct crash_run *run)
{
    struct store_checkpoint *checkpoint;
    struct error_text error = {{0}};
    int result = store_checkpoint_begin(run->store, &checkpoint);
    if (result < 0)
        crash_fail("store_checkpoint_begin: %s", strerror(-result));
    if (checkpoint == NULL)
        return true;
    bool was_other_thread = run->is_other_thread;
    run->is_checkpointing = run->is_other_thread = true;
    result = store_checkpoint_run(checkpoint, &error);
    run->is_other_thread = was_other_thread;
    if (result < 0)
        must_have_failed("a checkpoint", &error);
    run->must_exit = run->must_exit || result < 0;
    store_checkpoint_end(run->store, checkpoint, !run->must_exit);
    run->is_checkpointing = false;
    return !run->must_exit;
}

bool crash_daemon_finish(struct crash_run *run)
{
    struct store_session sessions[CRASH_SESSIONS_MAX];
    struct error_text error = {{0}};
    size_t count = list_sessions(run, true, sessions);
    crash_state_now(run, &run->states[run->state_count++]);
    int result = store_finish(run->store, sessions, count, &error);
    if (result < 0) {
        must_have_failed("store_finish()", &error);
        run->must_exit = true;
        return false;
    }
    settle(run, &run->states[run->state_count - 1]);
    return true;
}

bool crash_daemon_delete(struct crash_run *run, unsigned number)
{
    struct error_text error = {{0}};
    const char *name = crash_name(run, number);
    struct series *series = store_find(run->store, name, strlen(name));
    if (series == NULL)
        return true;
    run->series[number].is_dying = true;
    int result = store_delete(run->store, &series, 1, NULL, NULL, &error);
    if (result < 0) {
        must_have_failed("store_delete()", &error);
        run->must_exit = true;
        return false;
    }
    crash_shadow_forget(&run->series[number]);
    crash_state_now(run, &run->states[0]);
    run->state_count = 1;
    return true;
}

bool crash_daemon_rename(struct crash_run *run, unsigned number)
{
    struct error_text error = {{0}};
    struct crash_series *shadow = &run->series[number];
    const char *name = crash_name(run, number);
    struct series *series = store_find(run->store, name, strlen(name));
    if (series == NULL)
        return true;
    shadow->is_moving = true;
    int result = store_rename(run->store, series, run->plan.series[number].names[!shadow->name],
                              &series, &error);
    if (result < 0) {
        must_have_failed("store_rename()", &error);
        run->must_exit = true;
        return false;
    }
    shadow->is_moving = false;
    shadow->name = !shadow->name;
    crash_state_now(run, &run->states[0]);
    run->state_count = 1;
    return true;
}

int crash_daemon_end_renames(struct crash_run *run, struct error_text *error)
{
    for (size_t i = 0; i < run->plan.series_count; i++) {
        struct crash_series *shadow = &run->series[i];
        const char *name = crash_name(run, i), *other = run->plan.series[i].names[!shadow->name];
        struct series *from = store_find(run->store, name, strlen(name));
        struct series *to = store_find(run->store, other, strlen(other));
        if (!shadow->is_moving || to == NULL)
            continue;
        int result = from == NULL ? 0 : store_rename(run->store, from, other, &to, error);
        if (result < 0)
            return result;
        shadow->is_moving = false;
        shadow->name = !shadow->name;
    }
    return 0;
}
