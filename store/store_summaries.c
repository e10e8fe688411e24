/* Which series' summaries lag, and their turn. */
#include "store_internal.h"

#include "clock_ns.h"

#include <errno.h>
#include <stdlib.h>

/* After a failure: the disk may have room then. */
#define RETRY_NS (10 * NS_PER_S)

void store_mark_lagging(struct store *store, struct series *series)
{
    if (series->is_lagging)
        return;
    assert(store->lagging_count < store->dirty_capacity);
    store->lagging[store->lagging_count++] = series;
    series->is_lagging = true;
}

static int watch(struct series *series, void *context)
{
    (void)context;
    series_summary_watch(series);
    return 0;
}

int store_keep_summaries(struct store *store, store_summary_make *make, store_summary_merge *merge)
{
    assert(store->summary_make == NULL);
    store->summary_scratch =
        calloc((size_t)2 * SUMMARY_ELEMENTS_MAX * SUMMARY_WORDS, sizeof(double));
    if (store->summary_scratch == NULL)
        return -ENOMEM;
    store->summary_make = make;
    store->summary_merge = merge;
    return store_for_each(store, watch, NULL);
}

/* Has caught up, or cannot be summarised any more. */
static void leave(struct store *store, struct series *series)
{
    store->lagging[store->lagging_hand] = store->lagging[--store->lagging_count];
    series->is_lagging = false;
    /* An idle series costs no mapping. */
    if (!series->is_recent)
        series_unmap(series);
    series_summary_watch(series);
}

bool store_catch_up(struct store *store, int64_t until_ns)
{
    if (store->lagging_count == 0)
        return false;
    int64_t now_ns = clock_monotonic_ns();
    if (now_ns < store->summary_retry_ns)
        return false;
    while (store->lagging_count > 0) {
        if (store->lagging_hand >= store->lagging_count)
            store->lagging_hand = 0;
        struct series *series = store->lagging[store->lagging_hand];
        int result = series_summarise(series, until_ns);
        if (result == 0 || series->broken != NULL) {
            leave(store, series);
        } else {
            /* The others have their turn. */
            store->lagging_hand++;
            if (result < 0) {
                store->summary_retry_ns = clock_monotonic_ns() + RETRY_NS;
                return false;
            }
        }
        if (clock_monotonic_ns() >= until_ns)
            break;
    }
    return store->lagging_count > 0;
}
