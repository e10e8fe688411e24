/* Crash points by the thousand: see crash_run.h.
 *
 *     test_crash                         runs from seed 1 on, for about ten seconds
 *     test_crash --seconds S --seed N    for so long, from there on
 *     test_crash --points P --jobs J     until J processes together have seen so many
 *     test_crash --seed N --point P      one run, one crash point of it: what a failure says
 *     test_crash --bug B                 the same with bug number B of planted.h, which must be
 * found */
#include "crash_run.h"

#include "planted.h"

#include <malloc.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct settings {
    double seconds; /* 0: until `points` are seen */
    uint64_t points;
    uint64_t only_point;
    uint64_t first_seed;
    uint64_t jobs;
};

static uint64_t seed;

void crash_fail(const char *format, ...)
{
    va_list arguments;
    printf("FAILED: ");
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    printf("\nagain: test_crash --seed %llu --point %llu", (unsigned long long)seed,
           (unsigned long long)crash_point);
    if (planted_bug == BUG_NONE) {
        printf("\n");
        exit(1);
    }
    printf(" --bug %u\nfound after %llu crash points\n", (unsigned)planted_bug,
           (unsigned long long)crash_totals.cuts + crash_totals.kills);
    exit(0);
}

static double seconds_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static uint64_t points_of(const struct crash_totals *totals)
{
    return totals->cuts + totals->kills;
}

static void print_totals(const struct crash_totals *t, double seconds)
{
    printf("%llu crash points: %llu power cuts, %llu kills; %llu of them during recovery\n"
           "%llu runs, %llu lives, %llu points gone on from, %llu calls failed, %llu stores read "
           "again, "
           "%llu rows and %llu summaries compared\n"
           "0 failures; %.1f s, %.0f points a second\n",
           (unsigned long long)points_of(t), (unsigned long long)t->cuts,
           (unsigned long long)t->kills, (unsigned long long)t->recovering,
           (unsigned long long)t->runs, (unsigned long long)t->lives,
           (unsigned long long)t->resends, (unsigned long long)t->faults,
           (unsigned long long)t->revived, (unsigned long long)t->rows,
           (unsigned long long)t->summaries, seconds, (double)points_of(t) / seconds);
}

static void add_totals(struct crash_totals *to, const struct crash_totals *from)
{
    to->runs += from->runs;
    to->lives += from->lives;
    to->cuts += from->cuts;
    to->kills += from->kills;
    to->recovering += from->recovering;
    to->faults += from->faults;
    to->resends += from->resends;
    to->revived += from->revived;
    to->rows += from->rows;
    to->summaries += from->summaries;
}

/* Every jobs-th seed, from this job's first one on. */
static void run_job(const struct settings *settings, uint64_t job)
{
    double begin = seconds_now();
    for (seed = settings->first_seed + job;; seed += settings->jobs) {
        crash_run_seed(seed, settings->only_point);
        if (settings->only_point != UINT64_MAX)
            return;
        if (settings->points > 0 ? points_of(&crash_totals) >= settings->points / settings->jobs
                                 : seconds_now() - begin >= settings->seconds)
            return;
    }
}

/* Each in a process of its own, since the store under test is one a process. */
static int run_jobs(const struct settings *settings)
{
    struct crash_totals *totals = mmap(NULL, settings->jobs * sizeof *totals,
                                       PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (totals == MAP_FAILED)
        return 1;
    for (uint64_t job = 0; job < settings->jobs; job++) {
        pid_t child = fork();
        if (child < 0)
            return 1;
        if (child == 0) {
            run_job(settings, job);
            totals[job] = crash_totals;
            exit(0);
        }
    }
    bool has_failed = false;
    int status;
    while (wait(&status) > 0)
        has_failed = has_failed || status != 0;
    for (uint64_t job = 0; job < settings->jobs; job++)
        add_totals(&crash_totals, &totals[job]);
    return has_failed;
}

int main(int argc, char **argv)
{
    struct settings settings = {
        .seconds = 10, .only_point = UINT64_MAX, .first_seed = 1, .jobs = 1};
    for (int i = 1; i < argc; i += 2) {
        uint64_t value = i + 1 < argc ? strtoull(argv[i + 1], NULL, 10) : 0;
        if (i + 1 < argc && strcmp(argv[i], "--seed") == 0) {
            settings.first_seed = value;
        } else if (i + 1 < argc && strcmp(argv[i], "--seconds") == 0) {
            settings.seconds = (double)value;
        } else if (i + 1 < argc && strcmp(argv[i], "--points") == 0) {
            settings.points = value;
        } else if (i + 1 < argc && strcmp(argv[i], "--point") == 0) {
            settings.only_point = value;
        } else if (i + 1 < argc && strcmp(argv[i], "--jobs") == 0 && value > 0) {
            settings.jobs = value;
        } else if (i + 1 < argc && strcmp(argv[i], "--bug") == 0 && value < BUG_COUNT) {
            planted_bug = (enum planted_bug)value;
        } else {
            fprintf(stderr, "usage: test_crash [--seconds S | --points P] [--jobs J] [--seed N] "
                            "[--point P] [--bug B]\n");
            return 64;
        }
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    /* What one store frees the next one takes: no pages back to the system in between. */
    mallopt(M_TRIM_THRESHOLD, 64 << 20);
    mallopt(M_MMAP_THRESHOLD, 64 << 20);
    double begin = seconds_now();
    if (settings.jobs > 1 && run_jobs(&settings) != 0)
        return 1;
    if (settings.jobs == 1)
        run_job(&settings, 0);
    print_totals(&crash_totals, seconds_now() - begin);
    if (planted_bug == BUG_NONE)
        return 0;
    printf("bug %u was not found\n", (unsigned)planted_bug);
    return 1;
}
