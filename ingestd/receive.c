/* receive.c - one frame: what it is, whether its turn has come, what becomes of it, and how that is
 * answered. */
#include "access.h"
#include "clock_ns.h"
#include "daemon.h"
#include "gateways.h"
#include "log.h"
#include "printable.h"
#include "replies.h"
#include "tick.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

/* A gap is told once, then at most so often. */
#define GAP_INTERVAL_NS NS_PER_S

static void receive_count(struct daemon *daemon, const struct verdict *verdict)
{
    struct status_file *status = daemon->status;
    status_add(status, STATUS_BLOCKS, (int64_t)verdict->blocks);
    status_add(status, STATUS_SAMPLES, (int64_t)verdict->samples);
    if (verdict->duplicates > 0)
        status_add(status, STATUS_DUPLICATES, (int64_t)verdict->duplicates);
    if (verdict->late > 0)
        status_add(status, STATUS_LATE, (int64_t)verdict->late);
    if (verdict->clamped > 0)
        status_add(status, STATUS_CLAMPED, (int64_t)verdict->clamped);
    if (verdict->code != WIRE_OK)
        status_add(status, STATUS_REFUSED + (unsigned)verdict->code, 1);
}

/* A line in the log for a refusal, if there may be one now. */
static void receive_log_refusal(struct daemon *daemon, const struct network_frame *frame,
                                const struct verdict *verdict, const struct session *session,
                                uint64_t sequence)
{
    uint64_t suppressed;
    if (verdict->code == WIRE_OK ||
        !refusals_allow(&daemon->refusals, verdict->code, daemon->now_ns, &suppressed))
        return;
    refusals_log(verdict, session != NULL ? session->name : "",
                 network_frame_peer(daemon->network, frame),
                 daemon->writer != NULL ? daemon->writer->name : NULL,
                 session != NULL ? session->id : 0, sequence, suppressed);
}

/* Answers a batch now or, with WAIT, when what it stored is durable. What asks for a resend is
 * never held back. */
static void receive_answer(struct daemon *daemon, const struct network_frame *frame,
                           struct session *session, uint64_t sequence, bool wait,
                           const struct verdict *verdict)
{
    if (wait && wire_code_is_permanent(verdict->code)) {
        int result = replies_defer(daemon, &frame->route, session != NULL ? session->id : 0,
                                   sequence, verdict, tick_ticket_next(daemon));
        if (result == 0) {
            tick_demand(daemon);
            return;
        }
    }
    replies_answer(daemon, &frame->route, session, sequence, verdict);
}

/* A frame without a session: it is answered by what happened to it alone. */
static void receive_alone(struct daemon *daemon, const struct network_frame *frame, bool wait,
                          const struct verdict *verdict)
{
    receive_count(daemon, verdict);
    receive_log_refusal(daemon, frame, verdict, NULL, 0);
    if (frame->kind == NETWORK_ROUTER)
        receive_answer(daemon, frame, NULL, 0, wait, verdict);
}

static void receive_failed_store(struct daemon *daemon, const struct verdict *verdict)
{
    log_error("the store cannot be written: %s; stopping", verdict->text);
    daemon_fail(daemon, EX_IOERR);
}

static void receive_lines(struct daemon *daemon, const struct network_frame *frame, int64_t now_ns)
{
    struct verdict verdict;
    struct line_protocol_result lines;
    verdict_begin(&verdict);
    if (frame->byte_count > daemon->started->max_batch_bytes) {
        verdict_refuse_all(&verdict, WIRE_TOO_LARGE, 0,
                           "a frame of %zu bytes is above max_batch, %" PRIu64
                           "; send smaller ones or raise max_batch",
                           frame->byte_count, daemon->started->max_batch_bytes);
        receive_alone(daemon, frame, false, &verdict);
        return;
    }
    int result = line_protocol_parse(daemon->lines, frame->bytes, frame->byte_count, &lines);
    if (result < 0) {
        verdict_refuse_all(&verdict, result == -ENOMEM ? WIRE_BUSY : WIRE_MALFORMED, 0, "%s",
                           result == -ENOMEM ? "out of memory"
                                             : "more than 65535 series in a frame");
        receive_alone(daemon, frame, false, &verdict);
        return;
    }
    if (lines.lines_bad > 0) {
        verdict_refuse(&verdict, WIRE_MALFORMED, NULL, 0, "line %zu: %s (%zu bad of all lines)",
                       lines.first_bad_line, lines.first_reason, lines.lines_bad);
        verdict.refused_blocks = (uint32_t)lines.lines_bad;
    }
    const struct verdict before = verdict;
    result = applier_lines(daemon->applier, daemon->writer, daemon->lines, lines.block_count,
                           now_ns, &verdict);
    if (result == -EBUSY) {
        result = tick_now(daemon);
        verdict = before;
        if (result == 0)
            result = applier_lines(daemon->applier, daemon->writer, daemon->lines,
                                   lines.block_count, now_ns, &verdict);
        if (result == -EBUSY) {
            verdict_refuse_all(&verdict, WIRE_BUSY, (uint32_t)lines.block_count,
                               "a series has no room before the next flush; send again");
            result = 0;
        }
    }
    if (result < 0) {
        receive_failed_store(daemon, &verdict);
        return;
    }
    if (lines.strings_skipped > 0) {
        status_add(daemon->status, STATUS_STRINGS_SKIPPED, (int64_t)lines.strings_skipped);
        if (verdict.code == WIRE_OK)
            snprintf(verdict.text, sizeof verdict.text, "%zu string field%s skipped",
                     lines.strings_skipped, lines.strings_skipped == 1 ? "" : "s");
    }
    status_add(daemon->status, STATUS_BATCHES, 1);
    receive_alone(daemon, frame, false, &verdict);
}

/* What the gateway has forgotten can never come again: `stored` and `durable` are raised to it. */
static void receive_hello(struct daemon *daemon, const struct network_frame *frame,
                          struct session *session, const struct wire_batch *batch)
{
    uint64_t forgotten = batch->sequence > 0 ? batch->sequence - 1 : 0;
    if (session->stored < forgotten)
        session->stored = forgotten;
    if (session->durable < forgotten)
        session->durable = forgotten;
    if (session->journaled < session->stored)
        session_table_unsynced_add(daemon->sessions, session);
    if (batch->peer_name_bytes > 0)
        printable_copy(session->name, sizeof session->name, batch->peer_name,
                       batch->peer_name_bytes);
    /* A new connection may meet its gap at once. */
    session->gap_told_ns = 0;
    log_debug("hello gateway=\"%s\" peer=%s session=%016" PRIx64 " sequence=%" PRIu64
              " stored=%" PRIu64 " durable=%" PRIu64,
              session->name, network_frame_peer(daemon->network, frame), session->id,
              batch->sequence, session->stored, session->durable);
    if (frame->kind == NETWORK_ROUTER) {
        struct verdict verdict;
        verdict_begin(&verdict);
        replies_answer(daemon, &frame->route, session, 0, &verdict);
    }
}

/* The batch was stored before: acknowledged, and not applied again. */
static void receive_duplicate(struct daemon *daemon, const struct network_frame *frame,
                              struct session *session, const struct wire_batch *batch)
{
    status_add(daemon->status, STATUS_DUPLICATES, 1);
    if (frame->kind == NETWORK_PULL)
        return;
    struct verdict verdict;
    verdict_begin(&verdict);
    if (batch->wait && batch->sequence > session->durable &&
        replies_defer(daemon, &frame->route, session->id, batch->sequence, &verdict,
                      tick_ticket_for(daemon, session, batch->sequence)) == 0) {
        tick_demand(daemon);
        return;
    }
    if (batch->wait || frame->route.delimiter)
        replies_answer(daemon, &frame->route, session, batch->sequence, &verdict);
    else
        replies_note_stored(daemon, session, frame->byte_count);
}

/* A batch is missing before this one. It is told once, so that a pipeline of batches behind the gap
 * is not answered by as many requests to send them all again. */
static void receive_gap(struct daemon *daemon, const struct network_frame *frame,
                        struct session *session, const struct wire_batch *batch)
{
    status_add(daemon->status, STATUS_GAPS, 1);
    bool was_told = session->gap_told_ns != 0 && session->gap_told_stored == session->stored &&
                    daemon->now_ns - session->gap_told_ns < GAP_INTERVAL_NS;
    if (was_told && !frame->route.delimiter)
        return;
    struct verdict verdict;
    verdict_refuse_all(&verdict, WIRE_GAP, batch->block_count,
                       "batch %" PRIu64 " is missing; send again from there", session->stored + 1);
    receive_count(daemon, &verdict);
    receive_log_refusal(daemon, frame, &verdict, session, batch->sequence);
    session->gap_told_ns = daemon->now_ns;
    session->gap_told_stored = session->stored;
    replies_answer(daemon, &frame->route, session, batch->sequence, &verdict);
}

/* Nothing is stored that could not be answered as it was asked for. */
static void receive_refuse_wait(const struct wire_batch *batch, struct verdict *verdict)
{
    verdict_refuse_all(verdict, WIRE_BUSY, batch->block_count,
                       "too many answers wait for the disk");
}

/* Applies a batch. Where a series has no room for its block before a flush (more than sixteen
 * gateways write it, or a ring would lose too much in a power cut), there is a flush first: between
 * two batches, since one within would call half of one durable. All of these are rare. */
static int receive_apply(struct daemon *daemon, struct wire_batch *batch, int64_t now_ns,
                         struct verdict *verdict)
{
    int result = applier_batch(daemon->applier, daemon->writer, batch, now_ns, verdict);
    if (result != -EBUSY)
        return result;
    result = tick_now(daemon);
    if (result < 0) {
        verdict_refuse_all(verdict, WIRE_BUSY, batch->block_count, "the disk failed");
        return result;
    }
    result = applier_batch(daemon->applier, daemon->writer, batch, now_ns, verdict);
    if (result != -EBUSY)
        return result;
    verdict_refuse_all(verdict, WIRE_BUSY, batch->block_count,
                       "a series has no room before the next flush; send again");
    return 0;
}

/* The batch's turn has come: applies it, counts it as stored unless it has to come again, and
 * answers. */
static void receive_in_turn(struct daemon *daemon, const struct network_frame *frame,
                            struct session *session, struct wire_batch *batch, int64_t now_ns,
                            struct verdict *refusal)
{
    struct verdict applied;
    struct verdict *verdict = refusal;
    bool wait = batch->wait && frame->kind == NETWORK_ROUTER;
    if (verdict == NULL) {
        verdict = &applied;
        if (wait && replies_deferred_is_full(daemon))
            receive_refuse_wait(batch, verdict);
        else if (receive_apply(daemon, batch, now_ns, verdict) < 0) {
            receive_failed_store(daemon, verdict);
            return;
        }
    }
    receive_count(daemon, verdict);
    session->late_samples += verdict->late;
    session->refused_batches += verdict->code != WIRE_OK;
    if (!wire_code_is_permanent(verdict->code) && verdict->blocks > 0 &&
        store_note_partial(daemon->store, session->id, batch->sequence) < 0) {
        verdict_refuse_all(verdict, WIRE_BUSY, batch->block_count, "out of memory");
        receive_failed_store(daemon, verdict);
        return;
    }
    if (wire_code_is_permanent(verdict->code)) {
        session->stored = batch->sequence;
        session_table_unsynced_add(daemon->sessions, session);
    } else {
        /* The answer asks for a resend already: what follows in the pipeline need not say so too.
         */
        session->gap_told_ns = daemon->now_ns;
        session->gap_told_stored = session->stored;
    }
    receive_log_refusal(daemon, frame, verdict, session, batch->sequence);
    if (frame->kind == NETWORK_PULL)
        return;
    if (verdict->code == WIRE_OK && !wait && !frame->route.delimiter)
        replies_note_stored(daemon, session, frame->byte_count);
    else
        receive_answer(daemon, frame, session, batch->sequence, wait, verdict);
}

/* The session, moved to the frame's connection. -ENOMEM; -EACCES: it is another gateway's. */
static int receive_session(struct daemon *daemon, const struct network_frame *frame, uint64_t id,
                           struct session **ret_session)
{
    struct session *session = session_table_find(daemon->sessions, id);
    if (session == NULL) {
        session = session_table_add(daemon->sessions, id);
        if (session == NULL)
            return -ENOMEM;
    }
    bool was_its = strcmp(session->owner, daemon->writer->key) == 0;
    if (!access_takes_session(daemon, session, daemon->writer))
        return -EACCES;
    session_table_touch(daemon->sessions, session, daemon->now_ns);
    bool is_elsewhere = frame->kind == NETWORK_ROUTER &&
                        (session->route.socket != frame->route.socket ||
                         session->route.id_bytes != frame->route.id_bytes ||
                         memcmp(session->route.id, frame->route.id, frame->route.id_bytes) != 0);
    if (is_elsewhere || session->address[0] == '\0')
        snprintf(session->address, sizeof session->address, "%s",
                 network_frame_peer(daemon->network, frame));
    if (frame->kind == NETWORK_ROUTER) {
        session->route.socket = frame->route.socket;
        session->route.delimiter = frame->route.delimiter;
        session->route.id_bytes = frame->route.id_bytes;
        memcpy(session->route.id, frame->route.id, frame->route.id_bytes);
    }
    if (!was_its)
        gateways_note_owner(daemon, session);
    *ret_session = session;
    return 0;
}

/* A batch of a session, in the order of its numbers. `refusal` is set when the frame as a whole is
 * no good. */
static void receive_in_session(struct daemon *daemon, const struct network_frame *frame,
                               struct wire_batch *batch, int64_t now_ns, struct verdict *refusal)
{
    struct verdict verdict;
    struct session *session;
    int result = receive_session(daemon, frame, batch->session, &session);
    if (result < 0) {
        /* Answered as a frame without a session: nothing of it is consumed. */
        if (result == -EACCES)
            verdict_refuse_all(
                &verdict, WIRE_NOT_AUTHORISED, batch->block_count,
                "the session belongs to another gateway's key; begin one of its own");
        else
            verdict_refuse_all(&verdict, WIRE_BUSY, batch->block_count, "out of memory");
        receive_alone(daemon, frame, false, &verdict);
        return;
    }
    if (refusal == NULL && batch->block_count == 0) {
        receive_hello(daemon, frame, session, batch);
        return;
    }
    /* What is refused and has no blocks is no batch of the session: a bad HELLO, say, whose
     * sequence is that of a batch that is yet to come. */
    if (batch->sequence == 0 || batch->block_count == 0) {
        if (refusal == NULL) {
            refusal = &verdict;
            verdict_refuse_all(refusal, WIRE_MALFORMED, batch->block_count,
                               "blocks with a session need a sequence, from 1");
        }
        receive_count(daemon, refusal);
        receive_log_refusal(daemon, frame, refusal, session, 0);
        replies_answer(daemon, &frame->route, session, 0, refusal);
        return;
    }
    if (batch->sequence <= session->stored)
        receive_duplicate(daemon, frame, session, batch);
    else if (batch->sequence > session->stored + 1 && frame->kind == NETWORK_ROUTER)
        receive_gap(daemon, frame, session, batch);
    else
        receive_in_turn(daemon, frame, session, batch, now_ns, refusal);
}

static void receive_batch(struct daemon *daemon, const struct network_frame *frame, int64_t now_ns)
{
    struct wire_batch batch;
    struct verdict verdict;
    struct verdict *refusal = NULL;
    const char *reason = "";
    enum wire_code code = wire_batch_open(frame->bytes, frame->byte_count, &batch, &reason);
    if (code != WIRE_OK) {
        refusal = &verdict;
        verdict_refuse_all(refusal, code, 0, "%s", reason);
    } else if (frame->byte_count > daemon->started->max_batch_bytes) {
        refusal = &verdict;
        verdict_refuse_all(refusal, WIRE_TOO_LARGE, batch.block_count,
                           "a frame of %zu bytes is above max_batch, %" PRIu64
                           "; send smaller ones or raise max_batch",
                           frame->byte_count, daemon->started->max_batch_bytes);
    } else if (batch.block_count > 0) {
        status_add(daemon->status, STATUS_BATCHES, 1);
    }
    if (batch.session != 0) {
        receive_in_session(daemon, frame, &batch, now_ns, refusal);
        return;
    }
    bool wait = refusal == NULL && batch.wait && frame->kind == NETWORK_ROUTER;
    if (wait && replies_deferred_is_full(daemon)) {
        refusal = &verdict;
        receive_refuse_wait(&batch, refusal);
    }
    if (refusal == NULL && receive_apply(daemon, &batch, now_ns, &verdict) < 0) {
        receive_failed_store(daemon, &verdict);
        return;
    }
    receive_alone(daemon, frame, wait, &verdict);
}

/* Its key was authorised when it connected, and is not any more. */
static void receive_cut(struct daemon *daemon, const struct network_frame *frame)
{
    struct verdict verdict;
    verdict_refuse_all(&verdict, WIRE_NOT_AUTHORISED, 0, "the key %s is not authorised any more",
                       frame->key != NULL ? frame->key : "of this gateway");
    receive_alone(daemon, frame, false, &verdict);
    status_add(daemon->status, STATUS_FRAMES_CUT, 1);
    network_frame_cut(daemon->network);
}

void receive_frame(struct daemon *daemon, const struct network_frame *frame)
{
    int64_t now_ns = clock_realtime_ns();
    daemon->writer = access_writer(daemon, frame);
    status_add(daemon->status, STATUS_FRAMES, 1);
    status_add(daemon->status, STATUS_BYTES, (int64_t)frame->byte_count);
    if (daemon->writer == NULL) {
        receive_cut(daemon, frame);
        return;
    }
    if (frame->junk || frame->byte_count == 0) {
        struct verdict verdict;
        verdict_refuse_all(&verdict, WIRE_MALFORMED, 0, "%s",
                           frame->junk ? "a message of several parts; send one frame a batch"
                                       : "an empty frame");
        receive_alone(daemon, frame, false, &verdict);
        return;
    }
    if (wire_is_batch(frame->bytes, frame->byte_count))
        receive_batch(daemon, frame, now_ns);
    else
        receive_lines(daemon, frame, now_ns);
}
