#include "replies.h"

#include "clock_ns.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* A cumulative answer comes at the latest after so many batches. */
#define BATCHES_PER_REPLY 16

/* Answers that may wait for ticks at once. */
#define WAITS_MAX 4096

/* How long a peer that does not read keeps an answer that is due. */
#define PATIENCE_NS (5 * NS_PER_S)

/* Credit: what all sessions that were heard of in the last minute may have under way together. Each
 * gets an equal share, but never less than one batch of the largest size, so the sum is bounded by
 * CREDIT_BYTES + live sessions x max_batch. */
#define CREDIT_BYTES       (UINT64_C(256) << 20)
#define CREDIT_BATCHES     65536
#define CREDIT_BATCHES_MAX 1024
#define LIVE_NS            (60 * NS_PER_S)

/* An answer that waits for a tick. */
struct reply_wait {
    struct reply_wait *next;
    uint64_t ticket;  /* the tick */
    uint64_t session; /* 0 = none */
    uint64_t sequence;
    struct network_route route;
    uint64_t late_samples; /* of a batch without a session */
    uint32_t refused_blocks;
    enum wire_code code;
    int64_t give_up_ns; /* monotonic: when the peer must have read; 0 = it was not tried yet */
    char text[];
};

/* True when the route is that of the session's latest connection, which cumulative answers go to.
 */
static bool replies_is_latest(const struct session *session, const struct network_route *route)
{
    return session->route.socket == route->socket && session->route.id_bytes == route->id_bytes &&
           memcmp(session->route.id, route->id, route->id_bytes) == 0;
}

static bool replies_can_push(const struct session *session)
{
    return session->route.id_bytes != 0 && !session->route.delimiter;
}

static void replies_settle(struct daemon *daemon, struct session *session)
{
    session->pending_batches = 0;
    session->pending_bytes = 0;
    session->durable_told = session->durable;
    session_table_due_remove(daemon->sessions, session);
}

/* Fills in what every answer says, and sends. -EAGAIN: the peer does not read; other errors: it is
 * gone. */
static int replies_try(struct daemon *daemon, const struct network_route *route,
                       struct session *session, struct wire_reply *reply)
{
    if (session != NULL) {
        reply->session = session->id;
        reply->stored = session->stored;
        reply->durable = session->durable;
        reply->late_samples = session->late_samples;
    }
    reply->credit_batches = daemon->replies.credit_batches;
    reply->credit_kib = daemon->replies.credit_kib;
    reply->frame_bytes_max = (uint32_t)daemon->started->max_batch_bytes;

    uint8_t bytes[WIRE_REPLY_BYTES_MAX];
    size_t byte_count = wire_reply_encode(reply, bytes);
    int result = network_send(daemon->network, route, bytes, byte_count);
    if (result == 0) {
        status_add(daemon->status, STATUS_REPLIES, 1);
        if (session != NULL && replies_is_latest(session, route))
            replies_settle(daemon, session);
    }
    return result;
}

/* An answer could not be sent and is given up. */
static void replies_drop(struct daemon *daemon, const struct network_route *route,
                         struct session *session, int result)
{
    status_add(daemon->status, STATUS_REPLIES_DROPPED, 1);
    if (session == NULL || !replies_is_latest(session, route))
        return;
    if (result == -EAGAIN && replies_can_push(session)) {
        /* What it missed is told when it reads again. */
        session_table_due_add(daemon->sessions, session);
        return;
    }
    session->route.id_bytes = 0;
    replies_settle(daemon, session);
}

static void replies_send(struct daemon *daemon, const struct network_route *route,
                         struct session *session, struct wire_reply *reply)
{
    int result = replies_try(daemon, route, session, reply);
    if (result < 0)
        replies_drop(daemon, route, session, result);
}

static void replies_send_cumulative(struct daemon *daemon, struct session *session)
{
    struct network_route route = session->route;
    struct wire_reply reply = {.code = WIRE_OK};
    replies_send(daemon, &route, session, &reply);
}

void replies_answer(struct daemon *daemon, const struct network_route *route,
                    struct session *session, uint64_t sequence, const struct verdict *verdict)
{
    if (route->id_bytes == 0)
        return;
    struct wire_reply reply = {
        .code = verdict->code,
        .sequence = sequence,
        .late_samples = verdict->late,
        .refused_blocks = verdict->refused_blocks,
        .text = verdict->text,
        .text_bytes = (uint16_t)strlen(verdict->text),
    };
    replies_send(daemon, route, session, &reply);
}

void replies_note_stored(struct daemon *daemon, struct session *session, size_t frame_bytes)
{
    if (!replies_can_push(session))
        return;
    session->pending_batches++;
    session->pending_bytes += frame_bytes;
    uint32_t half_batches = daemon->replies.credit_batches / 2;
    uint64_t half_bytes = (uint64_t)daemon->replies.credit_kib * 512;
    if (session->pending_batches >= BATCHES_PER_REPLY || session->pending_batches >= half_batches ||
        session->pending_bytes >= half_bytes)
        replies_send_cumulative(daemon, session);
    else
        session_table_due_add(daemon->sessions, session);
}

bool replies_deferred_is_full(const struct daemon *daemon)
{
    return daemon->replies.wait_count >= WAITS_MAX;
}

int replies_defer(struct daemon *daemon, const struct network_route *route, uint64_t session,
                  uint64_t sequence, const struct verdict *verdict, uint64_t ticket)
{
    if (replies_deferred_is_full(daemon))
        return -EBUSY;
    size_t text_bytes = strlen(verdict->text) + 1;
    struct reply_wait *wait = malloc(sizeof *wait + text_bytes);
    if (wait == NULL)
        return -ENOMEM;
    *wait = (struct reply_wait){
        .ticket = ticket,
        .session = session,
        .sequence = sequence,
        .route = *route,
        .late_samples = verdict->late,
        .refused_blocks = verdict->refused_blocks,
        .code = verdict->code,
    };
    memcpy(wait->text, verdict->text, text_bytes);
    if (daemon->replies.waits_last != NULL)
        daemon->replies.waits_last->next = wait;
    else
        daemon->replies.waits_first = wait;
    daemon->replies.waits_last = wait;
    daemon->replies.wait_count++;
    return 0;
}

/* Sends an answer that has waited; false when it has to wait for its peer to read. A tick may
 * answer more than a peer's queue takes at once. */
static bool replies_end_wait(struct daemon *daemon, struct reply_wait *wait)
{
    struct wire_reply reply = {
        .code = wait->code,
        .session = wait->session,
        .sequence = wait->sequence,
        .late_samples = wait->late_samples,
        .refused_blocks = wait->refused_blocks,
        .text = wait->text,
        .text_bytes = (uint16_t)strlen(wait->text),
    };
    struct session *session =
        wait->session != 0 ? session_table_find(daemon->sessions, wait->session) : NULL;
    int result = replies_try(daemon, &wait->route, session, &reply);
    if (result == -EAGAIN) {
        if (wait->give_up_ns == 0)
            wait->give_up_ns = daemon->now_ns + PATIENCE_NS;
        if (daemon->now_ns < wait->give_up_ns)
            return false;
    }
    if (result < 0)
        replies_drop(daemon, &wait->route, session, result);
    return true;
}

void replies_tick_ended(struct daemon *daemon, uint64_t ticket)
{
    struct reply_state *state = &daemon->replies;
    struct reply_wait **link = &state->waits_first;
    struct reply_wait *last = NULL;
    state->has_overdue = false;
    while (*link != NULL) {
        struct reply_wait *wait = *link;
        bool is_due = wait->ticket <= ticket;
        if (is_due && replies_end_wait(daemon, wait)) {
            *link = wait->next;
            state->wait_count--;
            free(wait);
            continue;
        }
        state->has_overdue = state->has_overdue || is_due;
        last = wait;
        link = &wait->next;
    }
    state->waits_last = last;
}

void replies_socket_idle(struct daemon *daemon, size_t socket)
{
    struct session *session = session_table_due_first(daemon->sessions);
    while (session != NULL) {
        struct session *next = session->due_next;
        if (socket == REPLIES_ALL_SOCKETS || session->route.socket == socket) {
            session_table_due_remove(daemon->sessions, session);
            if (replies_can_push(session))
                replies_send_cumulative(daemon, session);
        }
        session = next;
    }
}

void replies_durable(struct daemon *daemon, struct session *session)
{
    if (session->durable_told < session->durable && replies_can_push(session))
        replies_send_cumulative(daemon, session);
}

void replies_share_credit(struct daemon *daemon)
{
    struct reply_state *state = &daemon->replies;
    /* At least 1: sessions that were only read from the store were heard of at 0. */
    int64_t since_ns = daemon->now_ns > LIVE_NS ? daemon->now_ns - LIVE_NS : 1;
    size_t live = session_table_count_heard(daemon->sessions, since_ns, SESSION_TABLE_MAX);
    state->sessions_live = live;
    uint64_t share = live > 0 ? live : 1;
    uint64_t batches = CREDIT_BATCHES / share;
    uint64_t bytes = CREDIT_BYTES / share;
    if (bytes < daemon->started->max_batch_bytes)
        bytes = daemon->started->max_batch_bytes;
    state->credit_batches = batches < 1                    ? 1
                            : batches > CREDIT_BATCHES_MAX ? CREDIT_BATCHES_MAX
                                                           : (uint32_t)batches;
    state->credit_kib = (uint32_t)((bytes + 1023) / 1024);
}

void replies_free(struct daemon *daemon)
{
    struct reply_wait *wait = daemon->replies.waits_first;
    while (wait != NULL) {
        struct reply_wait *next = wait->next;
        free(wait);
        wait = next;
    }
    daemon->replies.waits_first = daemon->replies.waits_last = NULL;
    daemon->replies.wait_count = 0;
}
