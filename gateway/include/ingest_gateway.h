/* ingest_gateway.h - libingest-gateway: push samples to ingestd, and lose none.
 *
 *     const struct ingest_gateway_options options = {.endpoint = "tcp://127.0.0.1:5570"};
 *     struct ingest_gateway *gateway;
 *     ingest_gateway_open(&options, &gateway);
 *     const struct ingest_block block = {.name = "plant1/pump7/pressure", .dtype = "f4",
 *                                        .clock = INGEST_REGULAR, .t0_ns = start_ns,
 *                                        .period_ps = 10000000000, .count = 100,
 *                                        .values = values};
 *     ingest_gateway_push(gateway, &block, 1, -1, NULL);
 *     ...
 *     ingest_gateway_drain(gateway, INGEST_DURABLE, 10000);
 *     ingest_gateway_close(gateway);
 *
 * A pushed batch is kept in memory until the daemon says that it is durable; after a lost
 * connection, a restart of the daemon or a gap it is sent again, and the daemon drops what it
 * already has: every sample arrives exactly once, as long as this process lives. With a queue on
 * disk (options.queue) that holds beyond the end of this process and a power cut of the gateway.
 *
 * Threads: a gateway belongs to one thread at a time. There is no thread of its own: the connection
 * moves on inside push, poll and drain; call poll at least every few seconds when there is nothing
 * to push. Fork: the child must not use it.
 *
 * Errors: 0 or a negative errno. Nothing is printed. Depends on libzmq alone. */
#ifndef INGEST_GATEWAY_H
#define INGEST_GATEWAY_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define INGEST_GATEWAY_API __attribute__((visibility("default")))

struct ingest_gateway;

/* How a block tells the times of its samples. */
enum ingest_clock {
    INGEST_ARRIVAL = 0,  /* one sample, stamped by the daemon on arrival */
    INGEST_REGULAR = 1,  /* from t0_ns, one each period_ps */
    INGEST_EXPLICIT = 2, /* one stamp a sample, in times_ns */
    INGEST_PREVIOUS = 3  /* the times of the block before it in the same batch */
};

/* t0_ns of a regular block from a device without a clock: its last sample is stamped on arrival. */
#define INGEST_T0_ARRIVAL INT64_MIN

/* Samples of one series. Zero what you do not use. */
struct ingest_block {
    const char *name;  /* 1 to 255 bytes, terminated; segments joined by '/' */
    const char *dtype; /* "f4" "f8" "i1" "i2" "i4" "i8" "u1" "u2" "u4" "u8" */
    enum ingest_clock clock;
    unsigned rank; /* of a sample: 0 = a scalar, at most 4 */
    uint32_t dims[4];
    uint32_t count;          /* samples, at least 1 */
    int64_t t0_ns;           /* INGEST_REGULAR: nanoseconds since the Unix epoch */
    int64_t period_ps;       /* INGEST_REGULAR: picoseconds, at least 1000 */
    const int64_t *times_ns; /* INGEST_EXPLICIT: `count` stamps, strictly increasing */
    const void *values;      /* count x dims elements, C order, little-endian */
};

/* Why the daemon refused (codes of docs/protocol.md). */
struct ingest_refusal {
    uint64_t sequence; /* of the batch; 0 = the daemon did not say which */
    unsigned code;
    const char *code_name;    /* "TYPE_MISMATCH", ... */
    const char *text;         /* the daemon's sentence, terminated; valid during the callback */
    uint32_t refused_blocks;  /* in that batch; the other blocks were applied */
    uint64_t refused_samples; /* in those blocks, as far as the daemon said which they are; 0 when
                                 the batch is not known */
    int kept; /* with a queue: 1 = kept as a dead letter; a negative errno why it is not, and so is
                 lost: -EDQUOT: the folder is full. 0 without a queue */
};

/* What the queue on disk cannot give back: a part of it is damaged, or is not there. */
struct ingest_loss {
    uint64_t first_sequence; /* lost batches, from here; 0 = none that is still needed */
    uint64_t last_sequence;  /* to here, included; 0 = not known how many */
    uint64_t bytes;          /* damaged; 0 = they are missing */
    const char *reason;      /* static */
};

struct ingest_gateway_options {
    /* "tcp://host:5570" or "ipc:///path"; required. */
    const char *endpoint;

    /* For the daemon's log and status, at most 64 bytes. NULL = the host's name. */
    const char *name;

    /* For a daemon with mode = curve, both; NULL = without encryption. key_file: this gateway's
     * secret certificate (of NAME and NAME_secret the second, where it is there; others must not be
     * able to read it). server_key: the daemon's public key, 40 characters of Z85, or else the path
     * of its public certificate. `ingestd --keygen` makes such files, and so do czmq and pyzmq. */
    const char *key_file;
    const char *server_key;

    /* 0 = a new random one. A caller that keeps a queue of its own over a restart keeps the session
     * too, and pushes its queue from first_sequence on (0 = 1), the oldest batch that it holds. */
    uint64_t session;
    uint64_t first_sequence;

    /* What is kept until durable, in bytes (0 = 64 MiB) and batches (0 = 1,024). A single batch
     * that is larger is taken when nothing else is kept. */
    size_t window_bytes;
    uint32_t window_batches;

    /* The queue on disk; NULL = none, what is kept is kept in memory alone. A folder for this
     * gateway, made if it is not there (its parent must be there), on a file system that keeps what
     * was synced. It holds every batch from its push until it is durable, and its session: after a
     * restart, or a power cut, what it holds is sent first, under the same session and sequences,
     * so nothing is lost and nothing is stored twice. session and first_sequence must be 0 then.
     * One gateway uses a queue at a time. Do not copy a queue to a second device, and do not put
     * back an older copy: the daemon takes the batches of both for one another's (an older copy is
     * noticed, and on_lost tells which batches were taken for others).
     *
     * The window is filled from the queue, so memory is bounded by window_bytes however much is on
     * disk. Format and files: docs/gateway-queue.md. */
    const char *queue;

    /* Bytes that the queue may take on disk, at least 65,536; 0 = 256 MiB. A push that finds it
     * full waits as with a full window, or returns -EAGAIN. */
    uint64_t queue_bytes;

    /* When a batch is safe. The end of this process, by kill -9 too, it survives in any case as
     * soon as its push has returned 0. A power cut, or a crash of the gateway's kernel, it survives
     * 0: as soon as its push has returned 0: each push waits for the disk, and wears flash;
     * above 0: after at most so many milliseconds, given that poll, push or drain is called by
     * then: what was pushed meanwhile is synced together, and can be lost together. Batches are
     * sent without waiting for that; after such a loss numbers are left out, never used twice.
     * ingest_gateway_sync() syncs at once, and status.synced says how far it came. */
    int queue_sync_ms;

    /* With a queue: the folder where what the daemon refused for good is kept, each batch in a file
     * with the reason, until ingest_gateway_resend(). NULL = QUEUE/dead-letters. It may be shared
     * by several gateways. When it holds dead_letters_bytes (0 = 64 MiB), further ones are dropped,
     * which on_refused tells. */
    const char *dead_letters;
    uint64_t dead_letters_bytes;

    /* Pause before a new connection: random in [min, 3 min), then doubling up to max. 0 = 500 and
     * 30,000. */
    int reconnect_min_ms;
    int reconnect_max_ms;

    /* Batches are kept and nothing comes back: after half of this the daemon is asked where it is,
     * after all of it the connection is opened anew. 0 = 15,000. (A connection that breaks is
     * noticed at once.) */
    int silence_ms;

    /* Called inside push, poll and drain. They may call ingest_gateway_status(), nothing else. */

    /* Moved; `stored` can also fall: the daemon was restarted. */
    void (*on_progress)(uint64_t stored, uint64_t durable, void *context);

    /* For good. Once a batch. */
    void (*on_refused)(const struct ingest_refusal *refusal, void *context);

    /* The daemon asks for batches again, after a pause: its disk is full, it is busy. They are kept
     * and sent again. */
    void (*on_delayed)(const struct ingest_refusal *reason, void *context);

    /* Of the queue. Also called inside ingest_gateway_open(), before there is a gateway: it may
     * call nothing then. What is lost is told when reading comes to it. */
    void (*on_lost)(const struct ingest_loss *loss, void *context);

    void *context;
};

/* Opens a gateway; does not wait for the daemon. -EINVAL: an option; -ENOMEM; -EMFILE and others
 * from libzmq. Of the keys: what opening their files fails with; -EBADMSG: not a certificate, or
 * its keys are not a pair; -EPERM: others can read the secret one; -ENOTSUP: this libzmq has no
 * CURVE. Of the queue: -EBUSY: another gateway uses it; -EPROTONOSUPPORT: it was written by another
 * version of this library; -EROFS, -EACCES, -ENOSPC and others of its file system. A queue that is
 * damaged is opened, and on_lost tells. */
INGEST_GATEWAY_API int ingest_gateway_open(const struct ingest_gateway_options *options,
                                           struct ingest_gateway **ret_gateway);

/* Closes at once: what is not durable yet may be lost (drain first), unless there is a queue, which
 * is synced and keeps it. NULL is allowed. */
INGEST_GATEWAY_API void ingest_gateway_close(struct ingest_gateway *gateway);

/* Pushes one batch; the blocks are copied. A batch holds at most one block a series. Waits up to
 * timeout_ms for room in the window, or the queue (-1 = for ever, 0 = not at all); the daemon's
 * credit decides when it is sent. 0, and then *ret_sequence (may be NULL) is its number. -EAGAIN:
 * no room yet, nothing was taken. -EINVAL: a block that no daemon would take. -EMSGSIZE: larger
 * than the daemon's largest frame (split it; as long as that is not known, on_refused tells later),
 * or than the queue may be. -ENOMEM. With a queue: -ENOSPC (its disk is full; the batch was not
 * taken, what was taken before is safe, and the push may be tried again), -EIO and others:
 * status.queue_error. */
INGEST_GATEWAY_API int ingest_gateway_push(struct ingest_gateway *gateway,
                                           const struct ingest_block *blocks, size_t block_count,
                                           int timeout_ms, uint64_t *ret_sequence);

/* A line that is not line protocol. */
struct ingest_bad_line {
    size_t line;        /* from 1 */
    const char *reason; /* what is wrong with it; static */
};

#define INGEST_BAD_LINES_MAX 64

/* What was found in line protocol text. */
struct ingest_lines {
    size_t samples;         /* pushed */
    size_t strings_skipped; /* string fields, which are not samples */
    size_t lines_bad;       /* lines that are not line protocol: skipped, the others were pushed */
    size_t bad_count;       /* of these, the first ones: at most INGEST_BAD_LINES_MAX */
    struct ingest_bad_line bad[INGEST_BAD_LINES_MAX];
};

/* Pushes line protocol text (InfluxDB's; whole lines) as one batch, with the same guarantees: the
 * text is read here, and its samples are sent as blocks. A sample without a time is stamped by the
 * daemon when it is the only one of its series in the text, else here. ret_lines may be NULL. 0
 * also when no line holds a sample; then nothing is pushed. -E2BIG: more than 65,535 series.
 * Otherwise as ingest_gateway_push(). */
INGEST_GATEWAY_API int ingest_gateway_push_lines(struct ingest_gateway *gateway, const char *text,
                                                 size_t text_bytes, int timeout_ms,
                                                 struct ingest_lines *ret_lines);

/* Sends, receives and calls back for up to timeout_ms; returns early when there was progress: 1,
 * else 0. */
INGEST_GATEWAY_API int ingest_gateway_poll(struct ingest_gateway *gateway, int timeout_ms);

enum ingest_ack { INGEST_STORED, INGEST_DURABLE };

/* Waits until every pushed batch is stored or durable (or refused). -ETIMEDOUT. */
INGEST_GATEWAY_API int ingest_gateway_drain(struct ingest_gateway *gateway, enum ingest_ack ack,
                                            int timeout_ms);

/* Syncs the queue on disk: 0, and then all batches pushed before are safe. -EINVAL: there is no
 * queue; -EIO and others: see status.queue_error. */
INGEST_GATEWAY_API int ingest_gateway_sync(struct ingest_gateway *gateway);

struct ingest_resend {
    uint64_t letters;  /* are in the queue again */
    uint64_t samples;  /* in them */
    uint64_t unusable; /* damaged, of another version, or too large for the daemon or the queue:
                          they stay in the folder */
    uint64_t left;     /* all that stay, those included */
};

/* Sends the dead letters of options.dead_letters again, after what made the daemon refuse them was
 * mended: each becomes a batch of the queue, with a number of its own, and its file is removed.
 * Also over a crash each is sent once. Of a batch that was refused in part only the blocks that
 * were refused are sent again; where a daemon does not say which they are (ours does as far as they
 * fit in its text), all are, and of those that it has it drops samples with times of their own as
 * late but stores those that are stamped on arrival twice. Samples that are not later than what
 * their series holds meanwhile are late.
 *
 * Waits up to timeout_ms for room in the queue. 0; -EINVAL: there is no queue; -EAGAIN: no room,
 * the rest stays; others as ingest_gateway_push(). *ret_resend is set in any case. */
INGEST_GATEWAY_API int ingest_gateway_resend(struct ingest_gateway *gateway, int timeout_ms,
                                             struct ingest_resend *ret_resend);

struct ingest_gateway_status {
    uint64_t session;
    uint64_t pushed; /* sequence of the newest batch pushed */
    uint64_t stored;
    uint64_t durable;
    uint64_t refused_batches; /* with at least one block refused */
    uint64_t refused_blocks;
    uint64_t late_samples; /* dropped by the daemon as late, since it was opened */
    uint64_t resent_batches;
    uint64_t reconnects;
    uint32_t window_batches; /* kept now */
    size_t window_bytes;
    uint32_t credit_batches;  /* as the daemon last said */
    uint32_t frame_bytes_max; /* largest frame that the daemon takes; 0 = not known yet */
    int connected;            /* 1 when the daemon answered since the connection was opened */
    uint64_t synced;          /* the queue: batches up to here survive a power cut of the gateway */
    uint64_t queue_bytes;     /* that it takes on disk */
    uint64_t dead_letters;    /* kept since it was opened */
    uint64_t dead_letters_lost; /* that could not be kept */
    uint64_t lost_batches;      /* of it, damaged or missing, as far as they can be counted */
    int queue_error; /* a negative errno: its disk failed. What it holds goes on being sent, pushes
                        return this; open the gateway anew to go on */
    unsigned delay_code; /* why the daemon asked to wait (STORE_FULL, BUSY); 0 = it does not */
    const char *trouble; /* why there is no connection, a static sentence; NULL = nothing known */
    int64_t answered_ms; /* since the daemon's last reply; -1 = it never answered */
};
INGEST_GATEWAY_API void ingest_gateway_status(const struct ingest_gateway *gateway,
                                              struct ingest_gateway_status *ret_status);

/* A descriptor to wait for in the caller's own event loop; it stays the same over reconnects.
 * Readable means "call ingest_gateway_poll(gateway, 0)"; call that also after each push and at
 * least once a second. */
INGEST_GATEWAY_API int ingest_gateway_fd(const struct ingest_gateway *gateway);

/* "0.1.0" */
INGEST_GATEWAY_API const char *ingest_gateway_version(void);

#ifdef __cplusplus
}
#endif

#endif
