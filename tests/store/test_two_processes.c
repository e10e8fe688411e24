/* test_two_processes [--no-frontier-check] [--rows N]: one writer and two readers of its rings at
 * full speed, each a process of its own. Every row that the reader rule leaves must hold what its
 * index says, in every element and in time: 10^8 of them, or so many. Then the same with a bug
 * planted, which believes rows that were overwritten while they were read: this must be caught, or
 * the test proves nothing. With --no-frontier-check only the latter, and its exit code is 1. */
#include "clock_ns.h"
#include "ring_race.h"
#include "temporary_folder.h"
#include "units.h"

#include <inttypes.h>

#define ROWS_WANTED           UINT64_C(100000000)
#define ROWS_WANTED_SANITIZED UINT64_C(2000000)
#define RACE_MAX_NS           (60 * NS_PER_S)

/* Small rings, so that the writer laps often. In the third and the last but one, the runs are
 * what ends first; in the last, blocks are written by system calls. */
static const struct ring_race races[] = {
    {.block_rows = 1, .run_rows = 50, .capacity = 256, .elements = 1},
    {.block_rows = 7, .run_rows = 100, .capacity = 1000, .elements = 3},
    {.block_rows = 2, .run_rows = 2, .capacity = 5000, .elements = 2},
    {.block_rows = 100, .run_rows = 1000, .capacity = 4096, .elements = 3},
    {.block_rows = 1000, .run_rows = 5000, .capacity = 4096, .elements = 4},
    {.block_rows = 3000, .run_rows = 30000, .capacity = 3001, .elements = 1},
    {.block_rows = 16, .run_rows = 8, .capacity = 20000, .elements = 3},
    {.block_rows = 3000, .run_rows = 30000, .capacity = 10000, .elements = 2, .is_synced = true},
};
#define RACES (sizeof races / sizeof races[0])

static void run_in_folder(const struct ring_race *race, uint64_t rows_wanted, bool keep_overwritten,
                          struct ring_race_result *ret_result)
{
    char *folder = temporary_folder_make();
    int64_t begin_ns = clock_monotonic_ns();
    int64_t max_ns = RACE_MAX_NS * (int64_t)(1 + rows_wanted / ROWS_WANTED);
    ring_race_run(folder, race, rows_wanted, max_ns, keep_overwritten, ret_result);
    char text[32];
    printf("blocks of %4" PRIu64 ", ring of %5" PRIu64 ": %" PRIu64 " rows checked, %" PRIu64
           " dropped, %" PRIu64 " wrong, %" PRIu64 " written, %s%s%s\n",
           race->block_rows, race->capacity, ret_result->rows_checked, ret_result->rows_dropped,
           ret_result->rows_wrong, ret_result->rows_written,
           units_format_duration(clock_monotonic_ns() - begin_ns, text, sizeof text),
           ret_result->text[0] != '\0' ? ": " : "", ret_result->text);
    temporary_folder_remove(folder);
}

/* True when every row was right, and enough of them were looked at. */
static bool race_all(uint64_t rows_wanted)
{
    uint64_t checked = 0;
    uint64_t dropped = 0;
    struct ring_race_result result;
    for (size_t i = 0; i < RACES; i++) {
        run_in_folder(&races[i], rows_wanted / RACES + 1, false, &result);
        if (result.rows_wrong > 0)
            return false;
        checked += result.rows_checked;
        dropped += result.rows_dropped;
    }
    if (checked < rows_wanted || dropped == 0) {
        printf("the race was too slow, or no row was ever overwritten while it was read\n");
        return false;
    }
    return true;
}

/* True when the planted bug was seen, in one of the races at least. */
static bool race_until_wrong(void)
{
    struct ring_race_result result;
    for (size_t i = 0; i < RACES; i++) {
        run_in_folder(&races[i], ROWS_WANTED / 2, true, &result);
        if (result.rows_wrong > 0 && result.rows_dropped > 0)
            return true;
    }
    return false;
}

int main(int argc, char **argv)
{
    uint64_t rows_wanted = getenv("INGEST_SANITIZED") != NULL ? ROWS_WANTED_SANITIZED : ROWS_WANTED;
    bool only_planted = false;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--no-frontier-check") == 0) {
            only_planted = true;
        } else if (strcmp(argv[i], "--rows") == 0 && i + 1 < argc &&
                   units_parse_u64(argv[i + 1], UINT64_MAX, &rows_wanted)) {
            i++;
        } else {
            fprintf(stderr, "usage: test_two_processes [--no-frontier-check] [--rows N]\n");
            return 64;
        }
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (!only_planted && !race_all(rows_wanted))
        return 1;
    printf("now without the check of the frontier:\n");
    bool is_caught = race_until_wrong();
    if (only_planted)
        return is_caught ? 1 : 0;
    if (!is_caught)
        printf("the planted bug was not caught: this test shows nothing\n");
    return is_caught ? 0 : 1;
}
