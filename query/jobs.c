#include "jobs.h"

#include "clock_ns.h"
#include "progress.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What the job whose turn it is may be ahead of what is written. */
#define TURN_HELD_BYTES (1 << 20)

#define STACK_BYTES (512 << 10)

/* How often the progress meter looks. */
#define PROGRESS_PERIOD_NS (NS_PER_S / 10)

struct job {
    struct jobs_state *state;
    size_t index;
    char *bytes; /* put out and not yet written */
    size_t bytes_count;
    size_t bytes_room;
    struct query_messages messages;
    int code;
    bool ended;
};

struct jobs_state {
    const struct jobs *jobs;
    struct output *output;
    struct job *all;
    _Atomic uint64_t rows_done;
    pthread_mutex_t lock; /* of all below, and of the jobs' fields */
    pthread_cond_t news;  /* the job whose turn it is has something, or has ended */
    pthread_cond_t room;  /* something was written, or the turn has passed on */
    size_t next;          /* the next one to begin */
    size_t turn;          /* the one that is being written */
    size_t held_bytes;
    bool stop;
};

static unsigned threads_for(const struct query_options *options, size_t count)
{
    cpu_set_t set;
    unsigned threads = options->jobs;
    if (threads == 0 && sched_getaffinity(0, sizeof set, &set) == 0)
        threads = (unsigned)CPU_COUNT(&set);
    if (threads > count)
        threads = (unsigned)count;
    return threads > 0 ? threads : 1;
}

static int run_in_turn(const struct jobs *jobs, struct output *output)
{
    int code = 0;
    for (size_t i = 0; i < jobs->count && code == 0; i++) {
        if (output != NULL && output_failed(output))
            break;
        code = jobs->end(jobs->context, i, jobs->work(jobs->context, i, output));
    }
    return code;
}

/* ---- in the threads ---- */

static bool must_wait(const struct job *job, size_t count)
{
    const struct jobs_state *state = job->state;
    if (state->stop)
        return false;
    if (state->turn == job->index)
        return job->bytes_count >= TURN_HELD_BYTES;
    return state->held_bytes + count > JOBS_HELD_BYTES;
}

/* What a job puts out. */
static int take(void *context, const void *bytes, size_t count)
{
    struct job *job = context;
    struct jobs_state *state = job->state;
    int error = 0;
    pthread_mutex_lock(&state->lock);
    while (must_wait(job, count))
        pthread_cond_wait(&state->room, &state->lock);
    if (state->stop)
        error = -ECANCELED;
    if (error == 0 && count > job->bytes_room - job->bytes_count) {
        size_t room = 2 * (job->bytes_count + count);
        char *larger = realloc(job->bytes, room);
        error = larger == NULL ? -ENOMEM : 0;
        job->bytes = larger != NULL ? larger : job->bytes;
        job->bytes_room = larger != NULL ? room : job->bytes_room;
    }
    if (error == 0) {
        memcpy(job->bytes + job->bytes_count, bytes, count);
        job->bytes_count += count;
        state->held_bytes += count;
        if (state->turn == job->index)
            pthread_cond_signal(&state->news);
    }
    pthread_mutex_unlock(&state->lock);
    return error;
}

static int do_job(struct job *job)
{
    struct jobs_state *state = job->state;
    const struct jobs *jobs = state->jobs;
    struct output *output = NULL;
    int code = 0;
    query_messages_gather(&job->messages);
    if (state->output != NULL)
        code = output_gather_open(state->output, take, job, &output);
    if (code == 0)
        code = jobs->work(jobs->context, job->index, output);
    code = output_gather_close(output, code);
    query_messages_gather(NULL);
    return code;
}

static void *work_on(void *context)
{
    struct jobs_state *state = context;
    progress_count_into(&state->rows_done);
    pthread_mutex_lock(&state->lock);
    while (!state->stop && state->next < state->jobs->count) {
        struct job *job = &state->all[state->next++];
        pthread_mutex_unlock(&state->lock);
        int code = do_job(job);
        pthread_mutex_lock(&state->lock);
        job->code = code;
        job->ended = true;
        if (state->turn == job->index)
            pthread_cond_signal(&state->news);
    }
    pthread_mutex_unlock(&state->lock);
    return NULL;
}

/* ---- in the caller's ---- */

static void wait_for_news(struct jobs_state *state)
{
    int64_t until_ns = clock_monotonic_ns() + PROGRESS_PERIOD_NS;
    struct timespec until = {.tv_sec = (time_t)(until_ns / NS_PER_S),
                             .tv_nsec = (long)(until_ns % NS_PER_S)};
    if (pthread_cond_timedwait(&state->news, &state->lock, &until) == ETIMEDOUT)
        progress_update(atomic_load_explicit(&state->rows_done, memory_order_relaxed));
}

/* Writes what the job whose turn it is has put out until now, and unlocks meanwhile. */
static void write_held(struct jobs_state *state, struct job *job)
{
    char *bytes = job->bytes;
    size_t count = job->bytes_count;
    job->bytes = NULL;
    job->bytes_count = job->bytes_room = 0;
    state->held_bytes -= count;
    pthread_cond_broadcast(&state->room);
    pthread_mutex_unlock(&state->lock);
    output_take(state->output, bytes, count);
    free(bytes);
    pthread_mutex_lock(&state->lock);
}

/* Everything in the order of the jobs. */
static int put_out(struct jobs_state *state)
{
    const struct jobs *jobs = state->jobs;
    int code = 0;
    pthread_mutex_lock(&state->lock);
    while (state->turn < jobs->count && code == 0) {
        struct job *job = &state->all[state->turn];
        if (job->bytes_count > 0) {
            write_held(state, job);
        } else if (job->ended) {
            pthread_mutex_unlock(&state->lock);
            query_messages_print(&job->messages);
            code = jobs->end(jobs->context, job->index, job->code);
            pthread_mutex_lock(&state->lock);
            state->turn++;
            pthread_cond_broadcast(&state->room);
        } else {
            wait_for_news(state);
        }
        if (state->output != NULL && output_failed(state->output))
            break;
    }
    state->stop = true;
    pthread_cond_broadcast(&state->room);
    pthread_mutex_unlock(&state->lock);
    return code;
}

static size_t start_threads(struct jobs_state *state, pthread_t *ids, unsigned threads)
{
    pthread_attr_t attributes;
    size_t started = 0;
    if (pthread_attr_init(&attributes) != 0)
        return 0;
    if (pthread_attr_setstacksize(&attributes, STACK_BYTES) == 0) {
        while (started < threads && pthread_create(&ids[started], &attributes, work_on, state) == 0)
            started++;
    }
    pthread_attr_destroy(&attributes);
    return started;
}

static int run_in_threads(struct jobs_state *state, unsigned threads)
{
    const struct jobs *jobs = state->jobs;
    char label[64];
    pthread_t *ids = calloc(threads, sizeof *ids);
    state->all = calloc(jobs->count, sizeof *state->all);
    if (ids == NULL || state->all == NULL) {
        free(ids);
        free(state->all);
        return query_error(QUERY_FAILED, "out of memory");
    }
    for (size_t i = 0; i < jobs->count; i++)
        state->all[i] = (struct job){.state = state, .index = i};
    int code;
    size_t started = start_threads(state, ids, threads);
    if (started == 0) {
        /* The system gives us none: as good as it goes. */
        code = run_in_turn(jobs, state->output);
    } else {
        snprintf(label, sizeof label, "%zu series", jobs->count);
        if (state->output != NULL && !output_is_terminal(state->output))
            progress_begin(label, 0);
        code = put_out(state);
        progress_end();
    }
    for (size_t i = 0; i < started; i++)
        pthread_join(ids[i], NULL);
    for (size_t i = 0; i < jobs->count; i++) {
        free(state->all[i].bytes);
        query_messages_free(&state->all[i].messages);
    }
    free(state->all);
    free(ids);
    return code;
}

int jobs_run(const struct query_options *options, const struct jobs *jobs, struct output *output)
{
    unsigned threads = threads_for(options, jobs->count);
    if (threads == 1)
        return run_in_turn(jobs, output);
    struct jobs_state state = {.jobs = jobs, .output = output};
    pthread_condattr_t clock;
    pthread_condattr_init(&clock);
    pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
    pthread_mutex_init(&state.lock, NULL);
    pthread_cond_init(&state.news, &clock);
    pthread_cond_init(&state.room, NULL);
    pthread_condattr_destroy(&clock);
    int code = run_in_threads(&state, threads);
    pthread_cond_destroy(&state.room);
    pthread_cond_destroy(&state.news);
    pthread_mutex_destroy(&state.lock);
    return code;
}
