/* queue.h - batches on disk until they are durable at the daemon: files of records in a folder,
 * appended to at the end and removed from the beginning (docs/gateway-queue.md).
 *
 * Terms. A batch is *held* from its append until `durable` passes it. It is *written* when
 * queue_append() returns (that survives the process) and *synced* after queue_sync() (that survives
 * power). The *cursor* reads held batches in order, once; who uses them keeps them in memory until
 * they are durable.
 *
 * A sequence that may have gone out is never given to another batch. After a start where batches
 * may be missing from the end (power was lost, or the end is damaged) numbering goes on past a gap
 * that is larger than what can be missing; the daemon learns of the gap by a HELLO when it has all
 * that is before it.
 *
 * One thread; one process has the folder. Results are 0 or a negative errno. */
#ifndef INGEST_QUEUE_H
#define INGEST_QUEUE_H

#include "queue_reader.h"

/* What is not there any more. */
struct queue_loss {
    uint64_t first; /* batches from here; 0 = no batch that is still needed */
    uint64_t last;  /* to here; 0 = not known how many */
    uint64_t bytes; /* that are damaged; 0 = missing */
    const char *reason;
};

typedef void (*queue_lost)(const struct queue_loss *loss, void *context);

struct queue_segment {
    uint64_t first; /* no batch in it has a lower sequence; in its name */
    uint64_t bytes;
};

struct queue {
    int folder_fd;
    int lock_fd;
    int active_fd; /* of the last segment, which is appended to */
    struct queue_segment *segments;
    size_t segment_count;
    size_t segment_capacity;
    uint64_t limit_bytes;
    uint64_t segment_bytes; /* a segment that is longer is followed by a new one */
    uint64_t used_bytes;    /* of all segments */
    uint8_t boot_id[QUEUE_BOOT_ID_BYTES];

    uint64_t session;
    uint64_t next;     /* sequence of the next append */
    uint64_t last;     /* of the newest batch; 0 = none yet */
    uint64_t began_at; /* `next` when it was opened: what is from there on was pushed since */
    uint64_t durable;
    uint64_t durable_written;          /* as the files say */
    uint64_t durable_synced;           /* as they say also after a power cut */
    uint64_t synced;                   /* batches up to here are synced */
    bool is_unsynced;                  /* something is written and not synced */
    bool is_closed;                    /* the last record says so */
    bool is_closed_synced;             /* the same after a power cut */
    bool is_torn;                      /* a write failed half way: go on in a new segment */
    int error;                         /* a sync failed: nothing is taken any more */
    struct queue_record_header newest; /* of `last`, or zeros */

    size_t cursor_segment; /* index */
    int cursor_fd;         /* -1 = not open */
    struct queue_reader cursor;
    uint64_t cursor_sequence; /* all batches up to here were passed */
    uint64_t cursor_lost_bytes;
    bool has_peeked;
    struct queue_record peeked;

    queue_lost lost;
    void *lost_context;
};

struct queue_options {
    const char *path;
    uint64_t limit_bytes; /* of all files; at least QUEUE_BYTES_MIN */
    uint64_t session;     /* for a queue that is new */
    queue_lost lost;
    void *lost_context;
};

#define QUEUE_BYTES_MIN ((uint64_t)64 << 10)

/* Opens a queue, made if it is not there. -EBUSY: it is in use; -EPROTONOSUPPORT: of another
 * version; -EOVERFLOW: no numbers are left; -ENOMEM; -EROFS, -EACCES, -ENOSPC and others. */
int queue_open(const struct queue_options *options, struct queue *ret_queue);

/* Syncs and closes. A queue that is zeroed, or whose opening failed, is allowed. */
void queue_shut(struct queue *queue);

/* Whether a frame of that length can be appended. -EAGAIN: not before others are durable;
 * -EMSGSIZE: never. */
int queue_make_room(struct queue *queue, size_t frame_bytes);

/* Appends a frame as batch `next`, which it is numbered as already. `origin` (NULL = none): the
 * dead letter that it is. Nothing has changed after an error: -EAGAIN as above, -ENOSPC, -EIO, or
 * queue->error. */
struct queue_origin {
    uint64_t session, sequence;
    int64_t queued_ns; /* of the batch that was refused */
};
int queue_append(struct queue *queue, const uint8_t *frame, size_t frame_bytes, int64_t now_ns,
                 const struct queue_origin *origin);

/* Undoes the last append, when it could not be synced. */
void queue_take_back(struct queue *queue);

/* After an error the queue takes nothing any more (queue->error): the kernel reports it once, so a
 * second sync would prove nothing. What is held is still read. */
int queue_sync(struct queue *queue);

/* Everything up to there is durable at the daemon: files with nothing else are removed. */
void queue_forget(struct queue *queue, uint64_t durable);

/* Records what is durable, unless that is recorded. Not synced: after a power cut the daemon is
 * asked. */
void queue_write_mark(struct queue *queue);

/* No batch is numbered up to there any more. */
void queue_advance_next(struct queue *queue, uint64_t sequence);

/* The next batch behind the cursor that is not durable. 1; 0: there is none. What is missing or
 * damaged before it is reported. */
int queue_peek(struct queue *queue, struct queue_record_header *ret_header);

/* Passes it: reads its frame into `to`, which holds its frame_bytes. -EBADMSG: damaged, which was
 * reported. */
int queue_take(struct queue *queue, uint8_t *to);

/* Passes it unread. */
void queue_skip(struct queue *queue);

/* True when the cursor is at the end: what is appended next need not be read again. */
bool queue_is_read(const struct queue *queue);

/* Of two sequences. */
static inline uint64_t later(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* queue_segments.c: what the other files of the queue need. */
#define QUEUE_NAME_BYTES 32
void queue_segment_name(uint64_t first, char ret_name[QUEUE_NAME_BYTES]);
int queue_segment_add(struct queue *queue, uint64_t first, uint64_t bytes);
/* Makes a new active segment for `next` and on. */
int queue_segment_begin(struct queue *queue);
/* Removes the segments that hold nothing above `durable`, but for the active one. */
void queue_segments_trim(struct queue *queue);
/* All that is written to the active segment is synced. */
void queue_note_synced(struct queue *queue);
int queue_segment_write(struct queue *queue, struct queue_record_header *header,
                        const uint8_t *frame);

#endif
