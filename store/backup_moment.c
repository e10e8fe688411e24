/* One moment of a series that is being written to.
 *
 * The writer puts a batch's entry into the head before it publishes the count, and an entry whose
 * count is not reached says what held before. So the entries tell the truth of a count as long as
 * the count did not move while they were read; that they were all read of one moment is seen by
 * reading them twice. */
#include "backup_internal.h"

#include <errno.h>
#include <string.h>

/* Looks at a series before it is called too fast. */
#define MOMENT_TRIES 1000
/* Looks at its words within one of these: an append takes longer than a look. */
#define WORD_TRIES 100

static void read_sessions(const struct reader *reader,
                          int64_t sessions[HEAD_SESSION_SLOTS][HEAD_SESSION_WORDS])
{
    const _Atomic int64_t *words = reader_column_words(&reader->head) + HEAD_SESSIONS;
    for (unsigned slot = 0; slot < HEAD_SESSION_SLOTS; slot++)
        for (unsigned word = 0; word < HEAD_SESSION_WORDS; word++)
            sessions[slot][word] = atomic_load_explicit(&words[slot * HEAD_SESSION_WORDS + word],
                                                        memory_order_acquire);
}

/* Count and entries of one moment. -EAGAIN: the count moved each time. */
static int read_words(const struct reader *reader, struct backup_moment *moment)
{
    const _Atomic int64_t *words = reader_column_words(&reader->head);
    int64_t again[HEAD_SESSION_SLOTS][HEAD_SESSION_WORDS];
    for (unsigned tries = 0; tries < WORD_TRIES; tries++) {
        int64_t count = atomic_load_explicit(&words[HEAD_COUNT], memory_order_acquire);
        if (count < 0)
            return -EBADMSG;
        moment->count = (uint64_t)count;
        moment->last_update_ns = reader_head_word(reader, HEAD_LAST_UPDATE_NS);
        read_sessions(reader, moment->sessions);
        read_sessions(reader, again);
        if (atomic_load_explicit(&words[HEAD_COUNT], memory_order_acquire) == count &&
            memcmp(moment->sessions, again, sizeof again) == 0)
            return 0;
    }
    return -EAGAIN;
}

/* Leaves the entries that the count has reached. */
static void settle_sessions(struct backup_moment *moment)
{
    for (unsigned slot = 0; slot < HEAD_SESSION_SLOTS; slot++) {
        int64_t *entry = moment->sessions[slot];
        bool is_reached =
            entry[HEAD_SESSION_COUNT] >= 0 && (uint64_t)entry[HEAD_SESSION_COUNT] <= moment->count;
        if (entry[HEAD_SESSION_ID] == 0 || (!is_reached && entry[HEAD_SESSION_BEFORE] == 0)) {
            memset(entry, 0, HEAD_SESSION_WORDS * sizeof entry[0]);
        } else if (!is_reached) {
            entry[HEAD_SESSION_SEQUENCE] = entry[HEAD_SESSION_BEFORE];
            entry[HEAD_SESSION_COUNT] = (int64_t)moment->count;
        }
    }
}

/* Runs that begin at or above the count belong to later batches. -ERANGE: none is left. */
static int cut_runs(const struct reader *reader, struct backup_moment *moment)
{
    while (moment->runs_count > moment->runs_first) {
        struct reader_run run;
        int result = reader_run_load(reader, moment->runs_count - 1, &run);
        if (result < 0)
            return result;
        if (run.first_index < moment->count)
            return 0;
        moment->runs_count--;
    }
    return moment->count > 0 ? -ERANGE : 0;
}

/* The rows that are there by now, and the stamp of the last one of the moment. -ERANGE: its newest
 * rows were overwritten. */
static int find_rows(struct reader *reader, struct backup_moment *moment)
{
    struct reader_snapshot snapshot;
    int result = reader_snapshot(reader, &snapshot);
    if (result < 0)
        return result;
    moment->first = snapshot.first < moment->count ? snapshot.first : moment->count;
    moment->runs_first = snapshot.runs_first;
    moment->runs_count = snapshot.runs_count;
    moment->last_time_ns = INT64_MIN;
    /* Later batches may have been taken back: by a daemon that recovers. */
    if (snapshot.count < moment->count)
        return -ESTALE;
    if (reader->info.type.clock == SERIES_REGULAR)
        result = cut_runs(reader, moment);
    if (result < 0 || moment->count == 0)
        return result;
    if (snapshot.count == moment->count)
        moment->last_time_ns = snapshot.last_time_ns;
    return reader_time_ns(reader, moment->count - 1, &moment->last_time_ns);
}

int backup_moment_take(struct reader *reader, struct backup_moment *ret_moment)
{
    struct backup_moment moment = {0};
    int result = -EAGAIN;
    for (unsigned tries = 0; tries < MOMENT_TRIES; tries++) {
        result = read_words(reader, &moment);
        if (result == 0)
            result = find_rows(reader, &moment);
        if (result != -EAGAIN && result != -ERANGE)
            break;
    }
    /* A writer that was killed as it overwrote the whole ring: its head has the stamp. */
    if (result == -ERANGE && moment.last_time_ns != INT64_MIN)
        result = 0;
    if (result == -EAGAIN || result == -ERANGE)
        return -EBUSY;
    if (result < 0)
        return result;
    settle_sessions(&moment);
    *ret_moment = moment;
    return 0;
}
