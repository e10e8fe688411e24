/* A series that could not be read when the store was opened for a reason that may pass: no right,
 * no descriptor, no memory, a disk that answers now and then. Until it is read it keeps its place
 * in the journal as a damaged one does; but what is sent to it has to come again, and is a reason
 * to read it again. */
#include "store_internal.h"

#include "clock_ns.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Between two attempts. */
#define READ_AGAIN_NS NS_PER_S

bool series_may_pass(int result)
{
    switch (result) {
    case -EBADMSG:
    case -ENOENT:
    case -ENOTDIR:
    case -EISDIR:
    case -ELOOP:
    case -ENAMETOOLONG:
        return false;
    default:
        return true;
    }
}

bool series_is_unread(const struct series *series)
{
    return series->is_unread;
}

void series_set_unborn(struct series *series, bool is_unborn)
{
    if (series->is_unborn == is_unborn)
        return;
    series->is_unborn = is_unborn;
    if (is_unborn)
        series->store->unborn_count++;
    else
        series->store->unborn_count--;
}

static bool has_id(const struct store *store, uint64_t id)
{
    for (size_t at = 0; at <= store->index.mask; at++) {
        const struct series *series = store->index.slots[at].series;
        if (series != NULL && series->id == id && !series->is_unread)
            return true;
    }
    return false;
}

/* Whether it is what the journal says, which a position below the one there would break. NULL, or
 * what is wrong. */
static const char *fault_of(const struct series *series, const struct series *found)
{
    if (series->is_described &&
        (found->id != series->id || found->capacity != series->capacity ||
         found->count < series->durable || found->runs_count < series->durable_runs ||
         !series_type_equal(&found->type, &series->type)))
        return "its files are not those that the journal knows";
    return has_id(series->store, found->id) ? "it is the same series as another one" : NULL;
}

/* All that series_inspect() reads, but for what the journal says of it. */
static void take_found(struct series *series, const struct series *found)
{
    series->type = found->type;
    series->id = found->id;
    series->capacity = found->capacity;
    series->sample_bytes = found->sample_bytes;
    series->created_ns = found->created_ns;
    series->count = found->count;
    series->frontier = found->frontier;
    series->last_time_ns = found->last_time_ns;
    series->runs_count = found->runs_count;
    series->block_rows_max = found->block_rows_max;
    series->file_bytes = found->file_bytes;
    series->summary_bytes = found->summary_bytes;
    series->head_inode = found->head_inode;
}

static int stay_unread(struct series *series, int result)
{
    series_unmap(series);
    series_break(series, "%s", strerror(-result));
    series->is_unread = true;
    return -EAGAIN;
}

/* It is sound: from now on it is a series like any other, of which nothing is known to be synced.
 */
static int revive(struct series *series, const struct series *found)
{
    struct store *store = series->store;
    int64_t words[HEAD_WORDS];
    uint64_t durable = series->durable;
    free(series->broken);
    series->broken = NULL;
    series->is_unread = false;
    store->broken_count--;
    take_found(series, found);
    /* Puts right what a kill left, too. */
    int result = series_map(series);
    series->durable = durable;
    if (series->broken != NULL)
        return -EBADF;
    if (result < 0)
        return stay_unread(series, result);
    for (unsigned w = 0; w < HEAD_WORDS; w++)
        words[w] = series_word_load(series, w);
    result = store_learn_partials(store, series, words);
    if (result < 0)
        return stay_unread(series, result);
    series_set_unborn(series, false);
    series->is_new = true;
    series->has_new_meta = true;
    store->reserved_bytes += series->file_bytes + series->summary_bytes;
    if (series->id > store->id_highest)
        store->id_highest = series->id;
    series_limit_rows(series);
    store_mark_dirty(store, series);
    return 0;
}

int series_read_again(struct series *series)
{
    if (!series->is_unread)
        return -EBADF;
    struct store *store = series->store;
    int64_t now_ns = clock_monotonic_ns();
    if (now_ns < series->read_again_ns)
        return -EAGAIN;
    series->read_again_ns = now_ns + READ_AGAIN_NS;
    struct series *found = series_new(store, series->name, series->name_bytes);
    if (found == NULL)
        return -ENOMEM;
    int64_t words[HEAD_WORDS];
    uint64_t broken_count = store->broken_count;
    int result = series_inspect(found, words);
    const char *fault = found->broken == NULL ? fault_of(series, found) : NULL;
    if (fault != NULL)
        series_break(found, "%s", fault);
    store->broken_count = broken_count;
    if (result == 0 && found->broken != NULL) {
        free(series->broken);
        series->broken = found->broken;
        series->is_unread = found->is_unread;
        found->broken = NULL;
        result = series->is_unread ? -EAGAIN : -EBADF;
    } else if (result == 0) {
        /* There may have been no memory to say what is wrong. */
        result = found->file_bytes > 0 ? revive(series, found) : -ENOMEM;
    }
    series_free(found);
    return result;
}
