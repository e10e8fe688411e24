/* ingest-send with a queue on disk. */
#include "sender_internal.h"

#include "log.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

static int queue_failure(const struct send_options *options, int result)
{
    const char *queue = options->queue;
    switch (result) {
    case -EBUSY:
        return send_fail(EX_TEMPFAIL, "--queue %s: another process uses it", queue);
    case -EPROTONOSUPPORT:
        return send_fail(EX_CONFIG, "--queue %s: it was written by another version", queue);
    case -ENOENT:
        return send_fail(EX_NOINPUT, "--queue %s: %s", queue,
                         options->input == SEND_LETTERS ? "there is no such queue"
                                                        : "its parent folder is not there");
    case -ENOTDIR:
        return send_fail(EX_NOINPUT, "--queue %s: not a folder", queue);
    case -EACCES:
    case -EPERM:
    case -EROFS:
    case -ENOSPC:
    case -EDQUOT:
    case -EIO:
    case -ENAMETOOLONG:
        return send_fail(EX_IOERR, "--queue %s: %s", queue, strerror(-result));
    default:
        return sender_open_failure(options, result);
    }
}

int sender_open_queue(struct sender *sender, struct ingest_gateway_options *gateway_options)
{
    const struct send_options *options = sender->options;
    char resend[PATH_MAX], letters[PATH_MAX];
    gateway_options->queue = options->queue;
    gateway_options->queue_bytes = options->queue_bytes;
    gateway_options->queue_sync_ms = options->queue_sync_ms;
    if (options->input == SEND_LETTERS) {
        /* In a queue of its own, so that the one that was refused may be in use meanwhile. */
        int length = snprintf(resend, sizeof resend, "%s/resend", options->queue);
        snprintf(letters, sizeof letters, "%s/dead-letters", options->queue);
        if (length < 0 || (size_t)length + 8 > sizeof resend)
            return queue_failure(options, -ENAMETOOLONG);
        gateway_options->queue = resend;
        gateway_options->dead_letters = letters;
    }
    int result = ingest_gateway_open(gateway_options, &sender->gateway);
    if (result < 0)
        return queue_failure(options, result);
    struct ingest_gateway_status status;
    ingest_gateway_status(sender->gateway, &status);
    sender->first_sequence = status.pushed + 1;
    return 0;
}

int sender_resend(struct sender *sender)
{
    struct ingest_resend resend;
    struct ingest_gateway_status status;
    int timeout_ms = (int)(sender->options->timeout_ns / 1000000);
    int result = ingest_gateway_resend(sender->gateway, timeout_ms, &resend);
    ingest_gateway_status(sender->gateway, &status);
    if (resend.letters > 0)
        sender_note_batch(sender, status.pushed, resend.samples);
    log_notice("%" PRIu64 " dead letters are sent again, %" PRIu64 " stay", resend.letters,
               resend.left);
    if (resend.unusable > 0) {
        log_error("%" PRIu64
                  " dead letters cannot be sent: damaged, or larger than the daemon takes",
                  resend.unusable);
        sender->has_refusals = true;
    }
    if (result == -EAGAIN)
        return send_fail(EX_TEMPFAIL,
                         "no room in the queue of %s/resend: run it again when the "
                         "daemon has taken what is there",
                         sender->options->queue);
    return result < 0 ? send_fail(EX_IOERR, "%s: %s", sender->options->queue, strerror(-result))
                      : 0;
}
