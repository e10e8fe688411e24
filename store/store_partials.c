/* Batches that some series took and that are not counted as stored: one that was refused in part
 * for now, or one that a kill cut. Their session's entries are journaled, so that what comes again
 * is known to be there already also after a power cut, which leaves of a session nothing but how
 * far it was stored. They are few and short-lived; a restart after a kill may make one a series. */
#include "store_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int store_partials_add(struct store *store, struct series *series,
                       const struct journal_entry *entry)
{
    struct series_partial *partial = series->partials;
    while (partial != NULL && partial->entry.session != entry->session)
        partial = partial->next;
    if (partial == NULL) {
        partial = malloc(sizeof *partial);
        if (partial == NULL)
            return -ENOMEM;
        partial->next = series->partials;
        series->partials = partial;
        store->partial_count++;
    }
    partial->entry = *entry;
    return 0;
}

size_t store_partials_of(const struct series *series,
                         struct journal_entry ret_entries[HEAD_SESSION_SLOTS])
{
    size_t count = 0;
    for (const struct series_partial *partial = series->partials;
         partial != NULL && count < HEAD_SESSION_SLOTS; partial = partial->next)
        ret_entries[count++] = partial->entry;
    return count;
}

static int compare_sessions(const void *a, const void *b)
{
    const struct store_session *left = a;
    const struct store_session *right = b;
    return left->session < right->session ? -1 : left->session > right->session;
}

static void unlink_partial(struct store *store, struct series_partial **link)
{
    struct series_partial *partial = *link;
    *link = partial->next;
    free(partial);
    store->partial_count--;
}

void store_partials_drop(struct store *store, struct series *series, uint64_t session)
{
    struct series_partial **link = &series->partials;
    while (*link != NULL && (*link)->entry.session != session)
        link = &(*link)->next;
    if (*link != NULL)
        unlink_partial(store, link);
}

/* Drops those of a series whose session has passed them; all of them without sessions. */
static void prune_series(struct store *store, struct series *series,
                         const struct store_session *sessions, size_t count)
{
    struct series_partial **link = &series->partials;
    while (*link != NULL) {
        struct series_partial *partial = *link;
        struct store_session key = {.session = partial->entry.session};
        const struct store_session *session =
            sessions != NULL ? bsearch(&key, sessions, count, sizeof sessions[0], compare_sessions)
                             : NULL;
        bool is_over =
            sessions == NULL || (session != NULL && session->stored >= partial->entry.sequence);
        if (is_over)
            unlink_partial(store, link);
        else
            link = &partial->next;
    }
}

int store_partials_prune(struct store *store, const struct store_session *sessions, size_t count)
{
    if (store->partial_count == 0 || count == 0)
        return 0;
    struct store_session *sorted = malloc(count * sizeof sorted[0]);
    if (sorted == NULL)
        return -ENOMEM;
    memcpy(sorted, sessions, count * sizeof sorted[0]);
    qsort(sorted, count, sizeof sorted[0], compare_sessions);
    for (size_t at = 0; at <= store->index.mask && store->partial_count > 0; at++)
        if (store->index.slots[at].series != NULL)
            prune_series(store, store->index.slots[at].series, sorted, count);
    free(sorted);
    return 0;
}

void store_partials_forget(struct store *store, struct series *series)
{
    prune_series(store, series, NULL, 0);
}

int store_note_partial(struct store *store, uint64_t session, uint64_t sequence)
{
    int result = 0;
    for (size_t i = 0; i < store->dirty_count && result == 0; i++) {
        struct series *series = store->dirty[i];
        if (series->session == session && series->session_sequence == sequence)
            result = store_partials_add(store, series,
                                        &(struct journal_entry){session, sequence, series->count});
    }
    return result;
}

int store_learn_partials(struct store *store, struct series *series,
                         const int64_t words[HEAD_WORDS])
{
    int result = 0;
    for (unsigned slot = 0; slot < HEAD_SESSION_SLOTS && result == 0; slot++) {
        const int64_t *at = &words[HEAD_SESSIONS + slot * HEAD_SESSION_WORDS];
        struct journal_entry entry = {.session = (uint64_t)at[HEAD_SESSION_ID],
                                      .sequence = (uint64_t)at[HEAD_SESSION_SEQUENCE],
                                      .count = (uint64_t)at[HEAD_SESSION_COUNT]};
        if (entry.session == 0 || entry.count > (uint64_t)words[HEAD_COUNT])
            continue;
        struct store_session key = {.session = entry.session};
        const struct store_session *known =
            store->session_count > 0 ? bsearch(&key, store->sessions, store->session_count,
                                               sizeof store->sessions[0], compare_sessions)
                                     : NULL;
        if (known == NULL || known->stored < entry.sequence)
            result = store_partials_add(store, series, &entry);
    }
    return result;
}
