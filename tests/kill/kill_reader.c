/* A reader that is attached all the while, over deaths and beginnings of daemons. */
#include "kill_rows.h"

#include "clock_ns.h"
#include "random_bits.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ROWS_A_LOOK 300
#define PAUSE_NS    (NS_PER_MS / 2)

void kill_reader_run(struct kill_shared *shared, uint64_t seed)
{
    size_t seat_count = (size_t)shared->gateway_count * KILL_SERIES;
    struct kill_rows *all = calloc(seat_count, sizeof *all);
    void *values = calloc(KILL_ROWS_MAX, KILL_ROW_BYTES_MAX);
    int64_t *times_ns = malloc(KILL_ROWS_MAX * sizeof *times_ns);
    if (all == NULL || values == NULL || times_ns == NULL)
        abort();
    (void)reader_install_sigbus_handler();
    while (!atomic_load(&shared->is_over) && !atomic_load(&shared->has_failed)) {
        uint64_t bits = random_bits(&seed);
        unsigned series = (unsigned)(bits % KILL_SERIES);
        unsigned gateway =
            series >= KILL_OWN ? 0 : (unsigned)((bits >> 16) % shared->gateway_count);
        struct kill_rows *rows = &all[gateway * KILL_SERIES + series];
        rows->shared = shared;
        rows->gateway = gateway;
        rows->series = series;
        rows->values = values;
        rows->times_ns = times_ns;
        uint64_t from = rows->last_count > ROWS_A_LOOK && (bits >> 40) % 4 != 0
                            ? rows->last_count - ROWS_A_LOOK
                            : 0;
        struct reader_snapshot snapshot;
        uint64_t checked;
        int result = kill_rows_check(rows, from, &snapshot, &checked);
        /* Not made yet, or another writer has it now: the next look opens it anew. */
        if (result < 0 && result != -ENOENT && result != -ESTALE) {
            char name[64];
            kill_fail(shared, "reading %s: %s", kill_series_name(gateway, series, name),
                      strerror(-result));
        }
        if (result == 0) {
            atomic_fetch_add(&shared->rows_read, checked);
            atomic_fetch_add(&shared->snapshots, 1);
        }
        clock_sleep_ns(PAUSE_NS);
    }
    for (size_t i = 0; i < seat_count; i++)
        reader_close(all[i].reader);
    free(all);
    free(values);
    free(times_ns);
}
