/* kill_run - kills a daemon and its gateways at random moments under load, and looks for what was
 * lost, added or mixed up.
 *
 *     kill_run --ingestd FILE --query FILE [--python FILE --client FILE]
 *              [--seed N] [--kills N] [--seconds N] [--round N]
 *
 * A run is rounds of `--round` kills (250), each on a store of its own; round i has seed N + i. It
 * ends after `--kills`, or at the end of a round's kills after `--seconds`. A failure prints its
 * seed; `--seed` with it makes the same gateways, batches and kills again (moments differ by what
 * the machine makes of them). */
#include "kill_round.h"

#include "clock_ns.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct options {
    struct kill_programs programs;
    uint64_t seed;
    uint64_t kills;
    uint64_t round_kills;
    uint64_t seconds; /* 0 = no end but by kills */
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
    else if (strcmp(key, "--seconds") == 0)
        options->seconds = strtoull(value, NULL, 0);
    else {
        fprintf(stderr, "kill_run: what is %s?\n", key);
        exit(2);
    }
}

static void report(const struct kill_totals *totals, uint64_t rounds, double seconds)
{
    printf("kill -9: %" PRIu64 " of the daemon (%" PRIu64 " starting, %" PRIu64
           " under load, %" PRIu64 " stopping), %" PRIu64 " of gateways, %" PRIu64
           " clean stops; %" PRIu64 " stores\n",
           kill_totals_daemon(totals), totals->kills_starting, totals->kills_loaded,
           totals->kills_stopping, totals->kills_gateway, totals->clean_stops, rounds);
    printf("kill -9: %" PRIu64 " batches of %" PRIu64 " rows, %" PRIu64
           " rows read again after a kill, %" PRIu64 " under load, %" PRIu64
           " queries; 0 lost, 0 false, 0 twice\n",
           totals->batches, totals->rows, totals->rows_dead, totals->rows_live, totals->queries);
    printf("kill -9: %.0f s, %.1f kills a second\n", seconds,
           (double)(kill_totals_daemon(totals) + totals->kills_gateway) / seconds);
}

int main(int argc, char **argv)
{
    struct options options = {.seed = 1, .kills = 200, .round_kills = 250};
    for (int i = 1; i + 1 < argc; i += 2)
        take_option(&options, argv[i], argv[i + 1]);
    if (options.programs.ingestd == NULL || options.programs.query == NULL) {
        fputs("kill_run: --ingestd and --query are needed\n", stderr);
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    struct kill_totals totals = {0};
    int64_t began_ns = clock_monotonic_ns();
    uint64_t rounds = 0;
    uint64_t done = 0;
    while (done < options.kills) {
        uint64_t kills = options.kills - done;
        if (kills > options.round_kills)
            kills = options.round_kills;
        int64_t end_ns =
            options.seconds == 0 ? INT64_MAX : began_ns + (int64_t)options.seconds * NS_PER_S;
        uint64_t seed = options.seed + rounds;
        if (!kill_round(&options.programs, seed, kills, end_ns, &totals)) {
            fprintf(stderr,
                    "kill_run: failed with seed %" PRIu64 "; again: --seed %" PRIu64
                    " --kills %" PRIu64 " --round %" PRIu64 "\n",
                    seed, seed, kills, kills);
            return 1;
        }
        rounds++;
        done = kill_totals_daemon(&totals);
        if (clock_monotonic_ns() > end_ns)
            break;
    }
    report(&totals, rounds, (double)(clock_monotonic_ns() - began_ns) / 1e9);
    return 0;
}
