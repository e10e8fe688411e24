/* status_file.h - STORE/status.npy: the daemon's counters, <i8 (STATUS_WORDS,), mapped, for any
 * tool to read live. Each word has one meaning for ever; a new one is added at the end.
 * docs/format.md names them: status_word_name() is that list. */
#ifndef INGEST_STATUS_FILE_H
#define INGEST_STATUS_FILE_H

#include "error_text.h"

#include <stdint.h>

#define STATUS_WORDS       128
#define STATUS_MAGIC_VALUE INT64_C(0x5354415453474E49) /* "INGSTATS" */

enum status_word {
    STATUS_MAGIC = 0,
    STATUS_VERSION, /* 1 */
    STATUS_PID,
    STATUS_STARTED_NS,   /* real time */
    STATUS_HEARTBEAT_NS, /* real time; once a second while the main loop turns */
    STATUS_STATE,        /* enum status_state */
    STATUS_FLUSH_INTERVAL_NS,
    STATUS_FLUSH_LAST_NS, /* real time of the last tick that ended well, also with nothing to do */
    STATUS_FLUSH_DURATION_NS, /* of that tick */
    STATUS_FLUSH_DURATION_MAX_NS,
    STATUS_FLUSH_TICKS,
    STATUS_FLUSH_BYTES,
    STATUS_FRAMES,          /* received, all endpoints */
    STATUS_BYTES,           /* in them */
    STATUS_BATCHES,         /* decoded batches, line protocol included */
    STATUS_BLOCKS,          /* applied */
    STATUS_SAMPLES,         /* appended */
    STATUS_DUPLICATES,      /* batches or blocks that were already there */
    STATUS_LATE,            /* samples dropped as late */
    STATUS_CLAMPED,         /* samples kept with another stamp */
    STATUS_STRINGS_SKIPPED, /* line protocol string fields */
    STATUS_REPLIES,
    STATUS_REPLIES_DROPPED, /* the peer was gone or did not read */
    STATUS_GAPS,            /* batches dropped behind a gap */
    STATUS_SESSIONS,        /* in the table now */
    STATUS_SERIES,
    STATUS_SERIES_MAPPED,
    STATUS_SERIES_BROKEN,
    STATUS_RESERVED_BYTES,
    STATUS_BUDGET_BYTES,
    STATUS_FREE_BYTES,
    STATUS_NEWEST_NS,         /* newest stamp in the store; INT64_MIN = none */
    STATUS_RECOVERY,          /* how the store was found: 0 new, 1 clean, 2 killed, 3 recovered */
    STATUS_RECOVERY_ROWS,     /* written from the journal into the columns */
    STATUS_RECOVERY_LOST,     /* stored and not durable: at least so many */
    STATUS_RECOVERY_GIVEN_UP, /* of the oldest rows of rings */
    STATUS_RECOVERY_SERIES_LOST, /* their files are missing or damaged */
    STATUS_RECOVERY_DURATION_NS,
    STATUS_JOURNAL_FILE_BYTES, /* of the file in use */
    STATUS_JOURNAL_USED_BYTES,
    STATUS_JOURNAL_WRITTEN_BYTES, /* since the start */
    STATUS_CHECKPOINTS,
    STATUS_CHECKPOINT_LAST_NS, /* real time */
    STATUS_CHECKPOINT_DURATION_NS,
    STATUS_WRITTEN_BYTES, /* that the kernel has written for the daemon, or will, since the start */
    /* Refusals by code of the reply: word STATUS_REFUSED + code, codes 0 to 31 (0 stays 0). */
    STATUS_REFUSED = 64,
    STATUS_REFUSED_END = 96,
    /* With CURVE. */
    STATUS_CLIENTS = 96,       /* certificates in force, revoked ones too */
    STATUS_HANDSHAKES_REFUSED, /* of an unknown or revoked key */
    STATUS_HANDSHAKES_FAILED,  /* without CURVE, with a wrong key of ours, or cut short */
    STATUS_FRAMES_CUT          /* of connections whose key was revoked meanwhile */
};

enum status_state {
    STATUS_STOPPED = 0,
    STATUS_STARTING = 1,
    STATUS_RUNNING = 2,
    STATUS_STOPPING = 3
};

/* "pid", "started_ns", ...; NULL for a word without a name. */
const char *status_word_name(unsigned word);

struct status_file;

/* Opens the file, or creates it, and maps it for writing; counters stand as they are, the header's
 * words are set. */
int status_file_open(const char *store_path, struct status_file **ret_status,
                     struct error_text *error);
/* The same, and counters begin at 0. */
int status_file_create(const char *store_path, struct status_file **ret_status,
                       struct error_text *error);
void status_file_close(struct status_file *status); /* NULL is allowed */

/* One writer: a plain load and a relaxed store. */
void status_set(struct status_file *status, unsigned word, int64_t value);
void status_add(struct status_file *status, unsigned word, int64_t value);
int64_t status_get(const struct status_file *status, unsigned word);

/* For readers: copies all words through a mapping. -ENOENT; -EBADMSG: not a status file of a
 * version we know. */
int status_file_read(const char *store_path, int64_t ret_words[STATUS_WORDS],
                     struct error_text *error);

#endif
