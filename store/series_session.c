/* The sixteen sessions that last wrote a series, in its head. An entry is four words: session,
 * sequence, the count that the sequence brings the series to, the sequence before it.
 *
 * Whatever moment a kill picks, the entry says the truth of the count that was published. For a
 * session that has an entry the words are written in this order:
 *
 * - before = old sequence: the old sequence still stands, and its count was reached;
 * - count = new count: not reached, so the one before holds, which is the old one;
 * - sequence = new: still not reached; once count is published the new one holds.
 *
 * A new entry gets its session word last: until then it is free. An entry that gives way to another
 * session loses its session word first: a half of each would be a lie. */
#include "store_internal.h"

#include "planted.h"

#include <errno.h>
#include <string.h>

static unsigned entry_word(unsigned slot, enum head_session_word word)
{
    return HEAD_SESSIONS + slot * HEAD_SESSION_WORDS + word;
}

static uint64_t entry_load(const struct series *series, unsigned slot, enum head_session_word word)
{
    return (uint64_t)series_word_load(series, entry_word(slot, word));
}

static void entry_store(struct series *series, unsigned slot, enum head_session_word word,
                        uint64_t value)
{
    /* Release keeps the stores in this order, which is all that a kill can see. */
    series_word_publish(series, entry_word(slot, word), (int64_t)value);
}

static void remember(struct series *series, unsigned slot, uint64_t session, uint64_t sequence)
{
    series->session = session;
    series->session_sequence = sequence;
    series->session_slot = slot;
}

/* The entry to use for a session that has none: a free one, else the one whose
 * count is lowest, that is the one that wrote longest ago, of those whose
 * sequence is durable. */
static int choose_slot(const struct series *series, unsigned *ret_slot)
{
    const struct store *store = series->store;
    uint64_t lowest = UINT64_MAX;
    for (unsigned slot = 0; slot < HEAD_SESSION_SLOTS; slot++) {
        uint64_t session = entry_load(series, slot, HEAD_SESSION_ID);
        if (session == 0) {
            *ret_slot = slot;
            return 0;
        }
        uint64_t count = entry_load(series, slot, HEAD_SESSION_COUNT);
        uint64_t sequence = entry_load(series, slot, HEAD_SESSION_SEQUENCE);
        if (count < lowest && (store->is_durable == NULL ||
                               store->is_durable(session, sequence, store->is_durable_context))) {
            lowest = count;
            *ret_slot = slot;
        }
    }
    return lowest == UINT64_MAX ? -EBUSY : 0;
}

static unsigned find_entry(const struct series *series, uint64_t session)
{
    unsigned slot = 0;
    while (slot < HEAD_SESSION_SLOTS && entry_load(series, slot, HEAD_SESSION_ID) != session)
        slot++;
    return slot;
}

bool series_takes(struct series *series, uint64_t count, int64_t period_ps, uint64_t session)
{
    unsigned slot;
    if ((series->count + count > series->rows_limit ||
         series->runs_count + count > series->runs_limit) &&
        !series_reserve_takes(series, count, period_ps))
        return false;
    if (session == 0 || series->session == session)
        return true;
    /* What cannot be mapped the append refuses, and says why. */
    if (series->words == NULL && series_map(series) < 0)
        return true;
    return find_entry(series, session) < HEAD_SESSION_SLOTS || choose_slot(series, &slot) == 0;
}

int series_session_claim(struct series *series, uint64_t session, uint64_t sequence,
                         unsigned *ret_slot)
{
    if (series->session != session) {
        unsigned slot = find_entry(series, session);
        if (slot == HEAD_SESSION_SLOTS)
            return choose_slot(series, ret_slot);
        remember(series, slot, session, entry_load(series, slot, HEAD_SESSION_SEQUENCE));
    }
    *ret_slot = series->session_slot;
    return sequence <= series->session_sequence ? 1 : 0;
}

void series_session_write(struct series *series, unsigned slot, uint64_t session, uint64_t sequence,
                          uint64_t count_after)
{
    if (PLANTED(BUG_SESSION_WORD_FIRST))
        entry_store(series, slot, HEAD_SESSION_SEQUENCE, sequence);
    if (series->session == session) {
        entry_store(series, slot, HEAD_SESSION_BEFORE, series->session_sequence);
        entry_store(series, slot, HEAD_SESSION_COUNT, count_after);
        entry_store(series, slot, HEAD_SESSION_SEQUENCE, sequence);
        series->session_sequence = sequence;
        return;
    }
    uint64_t evicted = entry_load(series, slot, HEAD_SESSION_ID);
    if (evicted != 0 && series->partials != NULL)
        store_partials_drop(series->store, series, evicted);
    entry_store(series, slot, HEAD_SESSION_ID, 0);
    entry_store(series, slot, HEAD_SESSION_BEFORE, 0);
    entry_store(series, slot, HEAD_SESSION_COUNT, count_after);
    entry_store(series, slot, HEAD_SESSION_SEQUENCE, sequence);
    entry_store(series, slot, HEAD_SESSION_ID, session);
    remember(series, slot, session, sequence);
}

void series_session_repair(struct series *series)
{
    series->session = 0;
    for (unsigned slot = 0; slot < HEAD_SESSION_SLOTS; slot++) {
        if (entry_load(series, slot, HEAD_SESSION_ID) == 0 ||
            entry_load(series, slot, HEAD_SESSION_COUNT) <= series->count)
            continue;
        uint64_t before = entry_load(series, slot, HEAD_SESSION_BEFORE);
        if (before == 0) {
            entry_store(series, slot, HEAD_SESSION_ID, 0);
            continue;
        }
        /* In this order: repeated from any point in between, it comes to the same. */
        entry_store(series, slot, HEAD_SESSION_SEQUENCE, before);
        entry_store(series, slot, HEAD_SESSION_COUNT, series->count);
    }
}

void series_session_restore(int64_t words[HEAD_WORDS], const struct journal_entry *entries,
                            size_t count)
{
    memset(&words[HEAD_SESSIONS], 0,
           (size_t)HEAD_SESSION_SLOTS * HEAD_SESSION_WORDS * sizeof words[0]);
    for (unsigned slot = 0; slot < count; slot++) {
        words[entry_word(slot, HEAD_SESSION_ID)] = (int64_t)entries[slot].session;
        words[entry_word(slot, HEAD_SESSION_SEQUENCE)] = (int64_t)entries[slot].sequence;
        words[entry_word(slot, HEAD_SESSION_COUNT)] = (int64_t)entries[slot].count;
    }
}
