/* power_cut [OPTION...]: power cuts of a store on real file systems.
 *
 * A workload runs on ext4 or xfs, on a loop device, on a file whose writes and flushes block_log
 * records. From the record, disks are made as a power cut at some moment may have left them: what
 * was flushed is there, of the rest some is, some is not, some is torn. Each is mounted (the kernel
 * recovers the file system), the store is recovered, in half of the cases killed at some step and
 * recovered again, and held to what its gateways had been promised. From one of the states the
 * machine goes on, to the next cut.
 *
 *   --states N    (2000) in all            --seconds N   (none) at most
 *   --seed N      (the clock)              --jobs N      (2) machines at a time
 *   --fs ext4|xfs (both in turn)           --each N      (150) states of one recording
 *   --keep DIR    keeps the failures there --replay DIR  checks a kept one once more
 *   --programs D  (its own folder) where power_workload and power_check are
 *   --until-found a finding is what is wanted: ends with it, exit code 0; 1 without
 *
 * The seed gives the plan of a run again, not the moments at which the kernel writes: a failure's
 * disk is what can be replayed exactly. Exit codes: 0 nothing found, 1 something was, 77 this
 * machine cannot do it. */
#include "clock_ns.h"
#include "cut_machine.h"
#include "cut_run.h"
#include "temporary_folder.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <libgen.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define JOBS_MAX     16
#define EXIT_SKIPPED 77

static struct {
    struct cut_options cut;
    const char *replay;
    uint64_t states;
    uint64_t seconds;
    uint64_t seed;
    unsigned jobs;
    bool wants_finding;
} options = {.cut = {.states_each = 150}, .states = 2000, .jobs = 2};

static void parse(int argc, char **argv)
{
    static const struct option names[] = {{"states", required_argument, NULL, 'n'},
                                          {"seconds", required_argument, NULL, 't'},
                                          {"seed", required_argument, NULL, 's'},
                                          {"jobs", required_argument, NULL, 'j'},
                                          {"fs", required_argument, NULL, 'f'},
                                          {"each", required_argument, NULL, 'e'},
                                          {"keep", required_argument, NULL, 'k'},
                                          {"replay", required_argument, NULL, 'r'},
                                          {"programs", required_argument, NULL, 'p'},
                                          {"until-found", no_argument, NULL, 'u'},
                                          {NULL, 0, NULL, 0}};
    options.seed = (uint64_t)clock_realtime_ns() / 1000 % 1000000000;
    for (int option; (option = getopt_long(argc, argv, "", names, NULL)) != -1;) {
        uint64_t number = optarg == NULL ? 0 : strtoull(optarg, NULL, 10);
        switch (option) {
        case 'n':
            options.states = number;
            break;
        case 't':
            options.seconds = number;
            break;
        case 's':
            options.seed = number;
            break;
        case 'j':
            options.jobs = number < 1 ? 1 : number > JOBS_MAX ? JOBS_MAX : (unsigned)number;
            break;
        case 'f':
            options.cut.file_system = optarg;
            break;
        case 'e':
            options.cut.states_each = number < 1 ? 1 : number;
            break;
        case 'k':
            options.cut.keep = optarg;
            break;
        case 'r':
            options.replay = optarg;
            break;
        case 'p':
            options.cut.programs = optarg;
            break;
        case 'u':
            options.wants_finding = true;
            options.cut.stops = true;
            break;
        default:
            exit(64);
        }
    }
}

/* One machine after another until the run is over. Only its exit code is told. */
static _Noreturn void job(struct cut_totals *totals, const char *base, unsigned number)
{
    char folder[256];
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    snprintf(folder, sizeof folder, "%s", base);
    int result = cut_machine_enter(folder);
    if (result == 0 && options.replay != NULL) {
        int found = 0;
        result = cut_replay(&options.cut, totals, folder, options.replay, &found);
        printf("%s: power_check: exit code %d\n", result < 0 ? strerror(-result) : "replayed",
               found);
        fflush(stdout);
        _exit(result == 0 && found == 0 ? 0 : 1);
    }
    uint64_t seed = options.seed + number;
    while (result == 0 && totals->states < totals->states_wanted &&
           clock_monotonic_ns() < totals->end_ns && !(options.cut.stops && cut_found(totals) > 0)) {
        result = cut_run(&options.cut, totals, folder, seed);
        seed += options.jobs;
    }
    if (result < 0)
        printf("seed %" PRIu64 ": the harness failed: %s\n", seed - options.jobs,
               strerror(-result));
    fflush(stdout);
    _exit(result < 0 ? 70 : 0);
}

/* Waits for all jobs; the first bad exit code, or 0. */
static int run_jobs(struct cut_totals *totals, const char *folder)
{
    int failed = 0;
    fflush(stdout);
    for (unsigned i = 0; i < options.jobs; i++) {
        pid_t process = fork();
        if (process == 0)
            job(totals, folder, i);
        if (process < 0)
            failed = 70;
    }
    for (int status; wait(&status) > 0;)
        if (status != 0)
            failed = WIFEXITED(status) ? WEXITSTATUS(status) : 70;
    return failed;
}

static void report(const struct cut_totals *totals, int64_t began_ns)
{
    double seconds = (double)(clock_monotonic_ns() - began_ns) / 1e9;
    printf("power cuts: %" PRIu64 " states (ext4 %" PRIu64 ", xfs %" PRIu64 ") of %" PRIu64
           " recordings in %.0f s, %.0f a second\n",
           totals->states, totals->states_ext4, totals->states_xfs, totals->recordings, seconds,
           (double)totals->states / seconds);
    printf("  writes dropped %" PRIu64 ", torn %" PRIu64 "; recoveries killed %" PRIu64
           ", workloads killed %" PRIu64 ", with failing devices %" PRIu64
           "; images that do not mount %" PRIu64 "\n",
           totals->writes_dropped, totals->writes_torn, totals->recoveries_killed,
           totals->workloads_killed, totals->errors_injected, totals->unmountable);
    printf("  lost %" PRIu64 ", false %" PRIu64 ", otherwise wrong %" PRIu64 "; seed %" PRIu64 "\n",
           totals->lost, totals->falsified, totals->wrong, options.seed);
}

int main(int argc, char **argv)
{
    parse(argc, argv);
    const char *lacks = cut_machine_lacks();
    if (lacks != NULL) {
        printf("skipped: %s\n", lacks);
        return EXIT_SKIPPED;
    }
    options.cut.tools = dirname(argv[0]);
    if (options.cut.programs == NULL)
        options.cut.programs = options.cut.tools;
    struct cut_totals *totals =
        mmap(NULL, sizeof *totals, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (totals == MAP_FAILED)
        return 71;
    int64_t began_ns = clock_monotonic_ns();
    totals->states_wanted = options.states;
    totals->end_ns =
        options.seconds == 0 ? INT64_MAX : began_ns + (int64_t)options.seconds * NS_PER_S;
    if (options.replay != NULL)
        options.jobs = 1;
    /* Each job mounts a file system of its own on it, which the others do not see. */
    char *folder = temporary_folder_make();
    int failed = run_jobs(totals, folder);
    temporary_folder_remove(folder);
    if (options.replay != NULL)
        return failed;
    report(totals, began_ns);
    if (failed != 0)
        return failed;
    return (cut_found(totals) > 0) == options.wants_finding ? 0 : 1;
}
