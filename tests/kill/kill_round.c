#include "kill_round.h"

#include "clock_ns.h"
#include "kill_check.h"
#include "kill_query.h"
#include "random_bits.h"
#include "temporary_folder.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* Everything here takes milliseconds; a loaded machine may need a thousand times that. */
#define PATIENCE_MS     60000
#define STARTING_US_MAX 9000
#define LOADED_US_MAX   25000
#define STOPPING_US_MAX 150000
#define ROWS_ONE_IN     4
#define CROWD_ONE_IN    8  /* rounds with more gateways than a series remembers */
#define GATEWAY_ONE_IN  3  /* lives of the daemon with a gateway's death */
#define CLIENT_ONE_IN   60 /* with the death of the Python client, which is slow to start */
#define QUERY_ONE_IN    6
#define RUSHED_ONE_IN   8 /* clean stops while gateways go on */

struct round {
    const struct kill_programs *programs;
    struct kill_shared *shared;
    struct kill_totals *totals;
    struct kill_check *check;
    struct kill_query query;
    char *folder;
    uint64_t random;
    pid_t daemon; /* 0 = none */
    pid_t reader;
    pid_t client;
    pid_t gateways[KILL_GATEWAYS_MAX];
};

static bool chance(struct round *round, unsigned one_in)
{
    return random_bits(&round->random) % one_in == 0;
}

static void sleep_up_to_us(struct round *round, uint64_t us)
{
    clock_sleep_ns((int64_t)(random_bits(&round->random) % us) * NS_PER_US);
}

static bool has_failed(const struct round *round)
{
    return atomic_load(&round->shared->has_failed);
}

/* ---- the other processes ---- */

static pid_t start_gateway(struct round *round, unsigned number)
{
    pid_t parent = getpid();
    pid_t pid = fork();
    if (pid < 0)
        abort();
    if (pid > 0)
        return pid;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() == parent)
        kill_gateway_run(round->shared, number);
    _exit(0);
}

static pid_t start_reader(struct round *round)
{
    pid_t parent = getpid();
    pid_t pid = fork();
    if (pid < 0)
        abort();
    if (pid > 0)
        return pid;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() == parent)
        kill_reader_run(round->shared, round->random);
    _exit(0);
}

static void start_client(struct round *round)
{
    const struct kill_programs *programs = round->programs;
    if (programs->python == NULL)
        return;
    char *const argv[] = {strdup(programs->python), strdup(programs->client),
                          round->shared->endpoint, round->folder, NULL};
    round->client = kill_program_start(argv, round->folder, "client");
    free(argv[0]);
    free(argv[1]);
}

static void kill_gateway(struct round *round)
{
    unsigned number = (unsigned)(random_bits(&round->random) % round->shared->gateway_count);
    int status;
    if (!kill_program_kill(round->gateways[number], &status))
        kill_fail(round->shared, "gateway %u: %s", number, kill_status_text(status));
    round->totals->kills_gateway++;
    round->gateways[number] = start_gateway(round, number);
}

static void kill_client(struct round *round)
{
    int status;
    if (round->client == 0)
        return;
    if (!kill_program_kill(round->client, &status))
        kill_fail(round->shared, "the Python client: %s", kill_status_text(status));
    round->totals->kills_gateway++;
    start_client(round);
}

/* ---- the daemon ---- */

static void start_daemon(struct round *round)
{
    static const unsigned flushes_ms[] = {10, 10, 20, 50, 1000};
    kill_daemon_configure(round->shared, round->folder,
                          flushes_ms[random_bits(&round->random) % 5]);
    round->daemon = kill_daemon_start(round->programs, round->folder);
}

static uint64_t progress(const struct round *round)
{
    uint64_t sum = 0;
    for (unsigned g = 0; g < round->shared->gateway_count; g++)
        sum += atomic_load(&round->shared->seats[g].stored);
    return sum;
}

/* Until a batch that was not stored before is, or the daemon is gone. */
static void wait_for_load(struct round *round)
{
    int64_t deadline_ns = clock_monotonic_ns() + PATIENCE_MS * NS_PER_MS;
    uint64_t before = progress(round);
    int status;
    while (progress(round) == before && !has_failed(round)) {
        if (!kill_program_runs(round->daemon, &status)) {
            round->daemon = 0;
            kill_fail(round->shared, "the daemon ended by itself: %s", kill_status_text(status));
        } else if (clock_monotonic_ns() > deadline_ns) {
            kill_fail(round->shared, "nothing was stored within %d ms", PATIENCE_MS);
        }
        clock_sleep_ns(NS_PER_MS / 5);
    }
}

static void kill_daemon(struct round *round, uint64_t *counter)
{
    int status;
    if (round->daemon == 0)
        return;
    if (!kill_program_kill(round->daemon, &status)) {
        /* It was told to end, and did. */
        if (counter == &round->totals->kills_stopping && WIFEXITED(status) &&
            WEXITSTATUS(status) == 0)
            counter = &round->totals->clean_stops;
        else
            kill_fail(round->shared, "the daemon ended by itself: %s", kill_status_text(status));
    }
    round->daemon = 0;
    ++*counter;
}

static void stop_daemon(struct round *round)
{
    int status;
    if (round->daemon == 0)
        return;
    kill(round->daemon, SIGTERM);
    if (!kill_program_wait(round->daemon, PATIENCE_MS, 0, &status))
        kill_fail(round->shared, "the daemon was to stop: %s", kill_status_text(status));
    round->daemon = 0;
    round->totals->clean_stops++;
}

/* A daemon's life, and its death. */
static void one_life(struct round *round)
{
    unsigned way = (unsigned)(random_bits(&round->random) % 32);
    start_daemon(round);
    if (chance(round, QUERY_ONE_IN))
        kill_query_start(&round->query, round->programs, round->shared, round->folder,
                         random_bits(&round->random));
    if (way < 8) {
        sleep_up_to_us(round, STARTING_US_MAX);
        kill_daemon(round, &round->totals->kills_starting);
        return;
    }
    wait_for_load(round);
    if (chance(round, GATEWAY_ONE_IN)) {
        sleep_up_to_us(round, LOADED_US_MAX / 2);
        kill_gateway(round);
    }
    if (chance(round, CLIENT_ONE_IN))
        kill_client(round);
    sleep_up_to_us(round, LOADED_US_MAX);
    if (way < 29) {
        kill_daemon(round, &round->totals->kills_loaded);
    } else if (way < 31) {
        kill(round->daemon, SIGTERM);
        sleep_up_to_us(round, STOPPING_US_MAX);
        kill_daemon(round, &round->totals->kills_stopping);
    } else {
        /* A daemon that is still sent to waits for a pause, up to seconds. */
        atomic_store(&round->shared->is_paused, !chance(round, RUSHED_ONE_IN));
        stop_daemon(round);
        atomic_store(&round->shared->is_paused, false);
    }
}

/* ---- a round ---- */

static struct kill_shared *make_shared(struct round *round, uint64_t seed)
{
    struct kill_shared *shared =
        mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED)
        abort();
    shared->seed = seed;
    shared->gateway_count =
        chance(round, CROWD_ONE_IN) ? KILL_GATEWAYS_MAX : 1 + (unsigned)(seed % 4);
    snprintf(shared->store, sizeof shared->store, "%s/store", round->folder);
    snprintf(shared->endpoint, sizeof shared->endpoint, "ipc://%s/router", round->folder);
    for (unsigned g = 0; g < shared->gateway_count; g++)
        atomic_store(&shared->seats[g].session, random_bits(&round->random) | 1);
    return shared;
}

static void begin(struct round *round, uint64_t seed)
{
    round->folder = temporary_folder_make();
    round->random = seed * UINT64_C(0x5851f42d4c957f2d);
    round->shared = make_shared(round, seed);
    round->check = kill_check_new(round->shared);
    for (unsigned g = 0; g < round->shared->gateway_count; g++)
        round->gateways[g] = start_gateway(round, g);
    round->reader = start_reader(round);
    start_client(round);
}

/* By a file: a signal might come before it is ready for one. */
static void tell_client(const struct round *round)
{
    char path[300];
    snprintf(path, sizeof path, "%s/finish", round->folder);
    FILE *file = fopen(path, "w");
    if (file == NULL || fclose(file) != 0)
        abort();
}

/* All is sent and durable, and the gateways have ended. */
static void finish(struct round *round)
{
    int status;
    start_daemon(round);
    atomic_store(&round->shared->is_finishing, true);
    tell_client(round);
    for (unsigned g = 0; g < round->shared->gateway_count; g++) {
        if (!kill_program_wait(round->gateways[g], 2 * PATIENCE_MS, 0, &status))
            kill_fail(round->shared, "gateway %u at the end: %s", g, kill_status_text(status));
        round->gateways[g] = 0;
    }
    if (round->client != 0) {
        if (!kill_program_wait(round->client, 2 * PATIENCE_MS, 0, &status))
            kill_fail(round->shared, "the Python client: %s", kill_status_text(status));
        round->client = 0;
    }
    kill_query_finish(&round->query, round->shared, round->folder);
    stop_daemon(round);
    atomic_store(&round->shared->is_over, true);
    if (!kill_program_wait(round->reader, PATIENCE_MS, 0, &status))
        kill_fail(round->shared, "the reader: %s", kill_status_text(status));
    round->reader = 0;
    if (has_failed(round))
        return;
    round->totals->rows += kill_check_total(round->check);
    kill_query_verify(round->programs, round->shared, round->folder);
}

static void end_child(pid_t pid)
{
    int status;
    if (pid > 0)
        (void)kill_program_kill(pid, &status);
}

static void end(struct round *round)
{
    end_child(round->daemon);
    end_child(round->reader);
    end_child(round->client);
    end_child(round->query.pid);
    for (unsigned g = 0; g < round->shared->gateway_count; g++)
        end_child(round->gateways[g]);
    round->totals->stores++;
    round->totals->queries += round->query.answered;
    round->totals->rows_live += atomic_load(&round->shared->rows_read);
    for (unsigned g = 0; g < round->shared->gateway_count; g++)
        round->totals->batches += atomic_load(&round->shared->seats[g].durable);
    kill_check_free(round->check);
    munmap(round->shared, sizeof *round->shared);
}

uint64_t kill_totals_daemon(const struct kill_totals *totals)
{
    return totals->kills_starting + totals->kills_loaded + totals->kills_stopping;
}

void kill_totals_add(struct kill_totals *sum, const struct kill_totals *totals)
{
    sum->kills_starting += totals->kills_starting;
    sum->kills_loaded += totals->kills_loaded;
    sum->kills_stopping += totals->kills_stopping;
    sum->kills_gateway += totals->kills_gateway;
    sum->clean_stops += totals->clean_stops;
    sum->batches += totals->batches;
    sum->rows += totals->rows;
    sum->rows_dead += totals->rows_dead;
    sum->rows_live += totals->rows_live;
    sum->queries += totals->queries;
    sum->stores += totals->stores;
}

bool kill_round(const struct kill_programs *programs, uint64_t seed, uint64_t kills, int64_t end_ns,
                struct kill_totals *totals)
{
    struct round round = {.programs = programs, .totals = totals};
    begin(&round, seed);
    uint64_t lives = 0;
    uint64_t kills_end = kill_totals_daemon(totals) + kills;
    while (kill_totals_daemon(totals) < kills_end && clock_monotonic_ns() < end_ns &&
           !has_failed(&round)) {
        one_life(&round);
        lives++;
        if (!has_failed(&round))
            totals->rows_dead +=
                kill_check_dead(round.check, &round.random, chance(&round, 20) ? 1 : ROWS_ONE_IN);
        kill_query_reap(&round.query, round.shared, round.folder);
    }
    if (!has_failed(&round))
        finish(&round);
    bool is_good = !has_failed(&round);
    if (!is_good) {
        fprintf(stderr, "kill_run: seed %" PRIu64 ", after %" PRIu64 " lives: %s\n", seed, lives,
                round.shared->text);
        kill_show_log(round.folder, "log");
        kill_show_log(round.folder, "client");
        fprintf(stderr, "kill_run: left in %s\n", round.folder);
    }
    end(&round);
    if (is_good)
        temporary_folder_remove(round.folder);
    else
        free(round.folder);
    return is_good;
}
