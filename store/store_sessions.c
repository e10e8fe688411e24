/* What the heads know of sessions when a store is opened.
 *
 * A batch goes into several series, and a kill may have come in the middle of
 * it. An entry whose sequence is durable says that a flush came after it, and
 * flushes are taken between batches: the whole batch is there. Any other entry
 * says that its sequence was begun, so the one before it is whole. */
#include "store_internal.h"

#include <errno.h>
#include <stdlib.h>

#define SLOTS_MIN 256

static struct store_session *find_slot(struct store_session *sessions, size_t mask,
                                       uint64_t session)
{
    size_t at = (size_t)(session * UINT64_C(0x9e3779b97f4a7c15) >> 20) & mask;
    while (sessions[at].session != 0 && sessions[at].session != session)
        at = (at + 1) & mask;
    return &sessions[at];
}

static int make_room(struct store *store)
{
    if (store->sessions != NULL && (store->sessions_count + 1) * 2 <= store->sessions_mask + 1)
        return 0;
    size_t slots = store->sessions != NULL ? (store->sessions_mask + 1) * 2 : SLOTS_MIN;
    struct store_session *sessions = calloc(slots, sizeof sessions[0]);
    if (sessions == NULL)
        return -ENOMEM;
    for (size_t at = 0; store->sessions != NULL && at <= store->sessions_mask; at++)
        if (store->sessions[at].session != 0)
            *find_slot(sessions, slots - 1, store->sessions[at].session) = store->sessions[at];
    free(store->sessions);
    store->sessions = sessions;
    store->sessions_mask = slots - 1;
    return 0;
}

int store_sessions_learn(struct store *store, const int64_t words[HEAD_WORDS])
{
    for (unsigned slot = 0; slot < HEAD_SESSION_SLOTS; slot++) {
        const int64_t *entry = &words[HEAD_SESSIONS + slot * HEAD_SESSION_WORDS];
        uint64_t session = (uint64_t)entry[HEAD_SESSION_ID];
        uint64_t sequence = (uint64_t)entry[HEAD_SESSION_SEQUENCE];
        if (session == 0 || sequence == 0)
            continue;
        /* `durable` never passes count, so what is durable holds. */
        bool is_durable = entry[HEAD_SESSION_COUNT] <= words[HEAD_DURABLE] &&
                          words[HEAD_DURABLE] <= words[HEAD_COUNT];
        uint64_t stored = is_durable ? sequence : sequence - 1;

        int result = make_room(store);
        if (result < 0)
            return result;
        struct store_session *known = find_slot(store->sessions, store->sessions_mask, session);
        if (known->session == 0) {
            known->session = session;
            store->sessions_count++;
        }
        if (stored > known->stored)
            known->stored = stored;
    }
    return 0;
}

int store_for_each_session(struct store *store,
                           int (*visit)(uint64_t session, uint64_t stored, void *context),
                           void *context)
{
    int result = 0;
    for (size_t at = 0; store->sessions != NULL && at <= store->sessions_mask && result == 0; at++)
        if (store->sessions[at].session != 0)
            result = visit(store->sessions[at].session, store->sessions[at].stored, context);
    return result;
}

void store_set_session_oracle(struct store *store,
                              bool (*is_durable)(uint64_t session, uint64_t sequence,
                                                 void *context),
                              void *context)
{
    store->is_durable = is_durable;
    store->is_durable_context = context;
}
