/* power_workload STORE MARKS START SEED [--ticks N] [--kill-at STEP] [--finish]:
 * gateways, a store and its threads on a disk that will lose power.
 *
 * Opens the store (which recovers), goes on with the model of START's seed and writes to the file
 * MARKS, at once, whatever the gateways came to know as durable. SEED rules the order of events.
 * Exit codes: 0; 1 the store did what it must not; 74 it says that it cannot go on. */
#include "power_gateways.h"
#include "power_steps.h"
#include "power_threads.h"
#include "random_bits.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ROUNDS_A_TICK 24
/* Of the series that are there at a start, so many are renamed. */
#define RENAMES_ONE_IN 6

/* A workload ends like one that is killed: with threads at work. */
const char *__tsan_default_options(void);
const char *__tsan_default_options(void)
{
    return "report_thread_leaks=0";
}

static struct {
    struct gateways gateways;
    struct power_worker flusher;
    struct power_worker checkpointer;
    struct power_mark coming; /* holds once the flush is done */
    uint64_t random;
    int marks;
    bool flush_wanted; /* somebody waits for one */
} run;

static _Noreturn void fail(int code, const char *what, int result)
{
    printf("%s: %s: %s\n", what, strerror(-result), run.gateways.error.text);
    fflush(stdout);
    _exit(code);
}

static void check(const char *what, int result)
{
    if (result < 0)
        fail(result == -EPROTO ? 1 : 74, what, result);
}

static uint64_t dice(uint64_t sides)
{
    return random_bits(&run.random) % sides;
}

static void publish(void)
{
    run.gateways.mark.number++;
    if (write(run.marks, &run.gateways.mark, sizeof run.gateways.mark) != sizeof run.gateways.mark)
        fail(74, "mark", -errno);
}

/* What the flush brought is durable, but for the series that came or went since it began. */
static void keep_promise(const struct power_mark *promise)
{
    struct power_mark *mark = &run.gateways.mark;
    mark->is_whole = promise->is_whole;
    memcpy(mark->sessions, promise->sessions, sizeof mark->sessions);
    for (size_t i = 0; i < MODEL_SERIES; i++) {
        if (mark->series[i].generation != promise->series[i].generation)
            continue;
        mark->series[i] = promise->series[i];
        run.gateways.durable[i] = promise->series[i].durable;
    }
    publish();
}

static int run_flush(void *job, struct error_text *error)
{
    return store_flush_run(job, error);
}

static int run_checkpoint(void *job, struct error_text *error)
{
    return store_checkpoint_run(job, error);
}

static void flush_begin(void)
{
    struct store_session sessions[MODEL_SESSIONS];
    struct store_flush *flush = NULL;
    size_t count = gateways_sessions(&run.gateways, sessions);
    gateways_promise(&run.gateways, &run.coming);
    check("flush", store_flush_begin(run.gateways.store, sessions, count, &flush));
    run.flush_wanted = false;
    if (flush != NULL)
        check("thread", power_worker_begin(&run.flusher, run_flush, flush));
}

static void flush_end(bool wait)
{
    struct store_flush *flush = power_worker_end(&run.flusher, wait);
    if (flush == NULL)
        return;
    int result = run.flusher.result;
    store_flush_end(run.gateways.store, flush, result == 0);
    run.gateways.error = run.flusher.error;
    if (result < 0)
        fail(74, "flush", result);
    keep_promise(&run.coming);
}

static void checkpoint_step(bool wanted)
{
    struct store_checkpoint *checkpoint = power_worker_end(&run.checkpointer, false);
    if (checkpoint != NULL) {
        int result = run.checkpointer.result;
        store_checkpoint_end(run.gateways.store, checkpoint, result == 0);
        run.gateways.error = run.checkpointer.error;
        if (result < 0)
            fail(74, "checkpoint", result);
    }
    if (run.checkpointer.job != NULL || !(wanted || store_checkpoint_is_due(run.gateways.store)))
        return;
    check("checkpoint", store_checkpoint_begin(run.gateways.store, &checkpoint));
    if (checkpoint != NULL)
        check("thread", power_worker_begin(&run.checkpointer, run_checkpoint, checkpoint));
}

/* Ends the life of a series, if it has one, and announces the next. Which one was found is not
 * known: any until now may be there, until it is deleted. */
static void begin_anew(size_t number)
{
    struct gateways *gateways = &run.gateways;
    struct power_mark *mark = &gateways->mark;
    mark->series[number].generation++;
    mark->series[number].is_promised = false;
    mark->series[number].durable = 0;
    gateways->generation[number] = mark->series[number].generation;
    publish();
    if (gateways->series[number] != NULL)
        check("delete", gateways_delete(gateways, number));
    mark->series[number].oldest = mark->series[number].generation;
    publish();
}

/* Moves a series that is there to its other name. */
static void move(size_t number)
{
    struct gateways *gateways = &run.gateways;
    gateways->mark.series[number].is_moving = true;
    publish();
    check("rename", gateways_rename(gateways, number));
    gateways->mark.series[number].is_moving = false;
    publish();
}

static void one_event(void)
{
    struct gateways *gateways = &run.gateways;
    size_t number = dice(4) == 0 ? gateways->model.lively : dice(MODEL_SERIES);
    const struct model_series *series = &gateways->model.series[number];
    int result = 0;
    if (series->session == 0)
        result = gateways_append_free(gateways, number, 1 + dice(series->rows_max));
    else if (series->session == MODEL_SHARED)
        result = gateways_send(gateways,
                               MODEL_OWN_SESSIONS + 1 + dice(MODEL_SESSIONS - MODEL_OWN_SESSIONS));
    else
        result = gateways_send(gateways, series->session);
    if (result == -EAGAIN)
        run.flush_wanted = true;
    else
        check("append", result);
}

static void one_tick(void)
{
    uint64_t rounds = 1 + dice(ROUNDS_A_TICK);
    for (uint64_t i = 0; i < rounds; i++) {
        if (!run.flush_wanted)
            one_event();
        flush_end(run.flush_wanted);
        if (run.flusher.job == NULL && (run.flush_wanted || dice(8) == 0))
            flush_begin();
        checkpoint_step(dice(400) == 0);
        if (dice(8) == 0)
            usleep((useconds_t)dice(1500));
    }
}

/* Everything that had no end yet, and a clean stop. */
static void finish(void)
{
    struct store_session sessions[MODEL_SESSIONS];
    flush_end(true);
    while (run.checkpointer.job != NULL) {
        checkpoint_step(false);
        usleep(1000);
    }
    size_t count = gateways_sessions(&run.gateways, sessions);
    gateways_promise(&run.gateways, &run.coming);
    check("finish", store_finish(run.gateways.store, sessions, count, &run.gateways.error));
    keep_promise(&run.coming);
    store_close(run.gateways.store);
}

int main(int argc, char **argv)
{
    static const struct option options[] = {{"ticks", required_argument, NULL, 't'},
                                            {"kill-at", required_argument, NULL, 'k'},
                                            {"finish", no_argument, NULL, 'f'},
                                            {NULL, 0, NULL, 0}};
    unsigned long ticks = 100;
    bool finishes = false;
    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (option == 't')
            ticks = strtoul(optarg, NULL, 10);
        else if (option == 'k')
            power_steps_kill_at(strtoull(optarg, NULL, 10));
        else if (option == 'f')
            finishes = true;
        else
            return 64;
    }
    if (argc - optind != 4)
        return 64;
    const char *path = argv[optind];
    struct power_mark start;
    run.random = strtoull(argv[optind + 3], NULL, 10);
    run.marks = open(argv[optind + 1], O_WRONLY | O_CLOEXEC);
    check("start", power_mark_read(argv[optind + 2], &start));
    if (run.marks < 0)
        fail(64, argv[optind + 1], -errno);
    /* As the daemon: a disk that fails may take pages away that are stored to. */
    check("handler", store_install_sigbus_handler());
    run.gateways.mark = start;
    publish();
    check("open", gateways_open(&run.gateways, path, start.seed, &start));
    check("adversary", power_adversary_begin(path, run.random ^ 1));
    publish(); /* renames that were cut are done */
    for (size_t i = 0; i < MODEL_SERIES; i++) {
        if (run.gateways.model.series[i].comes_and_goes)
            begin_anew(i);
        else if (run.gateways.series[i] != NULL && dice(RENAMES_ONE_IN) == 0)
            move(i);
    }
    for (unsigned long i = 0; i < ticks; i++)
        one_tick();
    if (finishes)
        finish();
    /* Without: killed, in effect. */
    fflush(stdout);
    _exit(0);
}
