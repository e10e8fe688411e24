/* kill_run - kills a daemon and its gateways at random moments under load, and looks for what was
 * lost, added or mixed up.
 *
 *     kill_run --ingestd FILE --query FILE [--python FILE --client FILE]
 *              [--seed N] [--kills N] [--seconds N] [--round N] [--jobs N]
 *
 * A run is rounds of `--round` kills (250), each on a store of its own and with the next seed, so
 * many `--jobs` of them at a time. It ends after `--kills` (200), or when `--seconds` are over. A
 * failure prints its seed; `--seed` with it makes the same gateways, batches and kills again
 * (moments differ by what the machine makes of them). */
#include "kill_round.h"

#include "clock_ns.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define JOBS_MAX 64

struct options {
    struct kill_programs programs;
    uint64_t seed;
    uint64_t kills;
    uint64_t round_kills;
    uint64_t seconds; /* 0 = no end but by kills */
    unsigned jobs;
};

static void take_option(struct options *options, const char *key, const char *value)
{
    if (strcmp(key, "--ingestd") == 0)
        options->programs.ingestd = value;
    else if (strcmp(key, "--query") == 0)
        options->programs.query = value;
    else if (strcmp(key, "--python") == 0)
        options->programs.python = value;
    else if (strcmp(key, "--client") == 0)
        options->programs.client = value;
    else if (strcmp(key, "--seed") == 0)
        options->seed = strtoull(value, NULL, 0);
    else if (strcmp(key, "--kills") == 0)
        options->kills = strtoull(value, NULL, 0);
    else if (strcmp(key, "--round") == 0)
        options->round_kills = strtoull(value, NULL, 0);
    else if (strcmp(key, "--jobs") == 0)
        options->jobs = (unsigned)strtoul(value, NULL, 0);
    else if (strcmp(key, "--seconds") == 0)
        options->seconds = strtoull(value, NULL, 0);
    else {
        fprintf(stderr, "kill_run: what is %s?\n", key);
        exit(2);
    }
}

static void report(const struct kill_totals *totals, double seconds)
{
    printf("kill -9: %" PRIu64 " of the daemon (%" PRIu64 " starting, %" PRIu64
           " under load, %" PRIu64 " stopping), %" PRIu64 " of gateways, %" PRIu64
           " clean stops; %" PRIu64 " stores\n",
           kill_totals_daemon(totals), totals->kills_starting, totals->kills_loaded,
           totals->kills_stopping, totals->kills_gateway, totals->clean_stops, totals->stores);
    printf("kill -9: %" PRIu64 " batches of %" PRIu64 " rows, %" PRIu64
           " rows read again after a kill, %" PRIu64 " under load, %" PRIu64
           " queries; 0 lost, 0 false, 0 twice\n",
           totals->batches, totals->rows, totals->rows_dead, totals->rows_live, totals->queries);
    printf("kill -9: %.0f s, %.1f kills a second\n", seconds,
           (double)(kill_totals_daemon(totals) + totals->kills_gateway) / seconds);
}

/* Rounds until the job's share of kills is done, or the time is up. */
static bool run_job(const struct options *options, unsigned job, int64_t end_ns,
                    struct kill_totals *totals)
{
    uint64_t share = (options->kills + options->jobs - 1) / options->jobs;
    for (uint64_t round = 0; kill_totals_daemon(totals) < share; round++) {
        uint64_t kills = share - kill_totals_daemon(totals);
        if (kills > options->round_kills)
            kills = options->round_kills;
        uint64_t seed = options->seed + round * options->jobs + job;
        if (!kill_round(&options->programs, seed, kills, end_ns, totals)) {
            fprintf(stderr,
                    "kill_run: failed with seed %" PRIu64 "; again: --seed %" PRIu64
                    " --kills %" PRIu64 " --round %" PRIu64 "\n",
                    seed, seed, kills, kills);
            return false;
        }
        if (clock_monotonic_ns() > end_ns)
            break;
    }
    return true;
}

/* Each job is a process: rounds fork children of their own. */
static pid_t start_job(const struct options *options, unsigned job, int64_t end_ns,
                       struct kill_totals *totals)
{
    fflush(NULL);
    pid_t parent = getpid();
    pid_t pid = fork();
    if (pid < 0)
        abort();
    if (pid > 0)
        return pid;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    _exit(getppid() == parent && run_job(options, job, end_ns, totals) ? 0 : 1);
}

int main(int argc, char **argv)
{
    struct options options = {.seed = 1, .kills = 200, .round_kills = 250, .jobs = 1};
    for (int i = 1; i + 1 < argc; i += 2)
        take_option(&options, argv[i], argv[i + 1]);
    if (options.programs.ingestd == NULL || options.programs.query == NULL || options.jobs == 0 ||
        options.jobs > JOBS_MAX) {
        fprintf(stderr, "kill_run: --ingestd and --query are needed, and 1 to %d --jobs\n",
                JOBS_MAX);
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    int64_t began_ns = clock_monotonic_ns();
    int64_t end_ns =
        options.seconds == 0 ? INT64_MAX : began_ns + (int64_t)options.seconds * NS_PER_S;
    struct kill_totals *jobs = mmap(NULL, JOBS_MAX * sizeof *jobs, PROT_READ | PROT_WRITE,
                                    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (jobs == MAP_FAILED)
        abort();
    pid_t pids[JOBS_MAX];
    for (unsigned job = 0; job < options.jobs; job++)
        pids[job] = start_job(&options, job, end_ns, &jobs[job]);
    struct kill_totals sum = {0};
    bool is_good = true;
    for (unsigned job = 0; job < options.jobs; job++) {
        int status;
        if (waitpid(pids[job], &status, 0) < 0 || !WIFEXITED(status) || WEXITSTATUS(status) != 0)
            is_good = false;
        kill_totals_add(&sum, &jobs[job]);
    }
    if (is_good)
        report(&sum, (double)(clock_monotonic_ns() - began_ns) / 1e9);
    return is_good ? 0 : 1;
}
