/* queue_format.h - the bytes of a queue's files, version 1. Mirrors docs/gateway-queue.md: change
 * both. Everything is little-endian. */
#ifndef INGEST_QUEUE_FORMAT_H
#define INGEST_QUEUE_FORMAT_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#define QUEUE_VERSION       1
#define QUEUE_BOOT_ID_BYTES 16
/* No sequence comes that far: what says so is no queue, and counting on never overflows. */
#define QUEUE_SEQUENCE_MAX ((uint64_t)INT64_MAX / 2)

static const uint8_t queue_file_magic[8] = {'I', 'N', 'G', 'E', 'S', 'T', 'Q', '1'};
static const uint8_t queue_record_magic[4] = {0x93, 'I', 'Q', 'R'};

/* What a file begins with; records follow. */
struct queue_file_header {
    uint8_t magic[8];
    uint32_t crc32; /* of bytes 12 to the end of the header */
    uint32_t version;
    uint64_t session;
    uint64_t first_sequence; /* the least that a batch in it can have; as in the file's name */
    uint64_t durable;        /* every batch up to here needs no resend */
    int64_t created_ns;      /* since the Unix epoch */
    uint8_t
        boot_id[QUEUE_BOOT_ID_BYTES]; /* of the kernel under which it was written; 0 = unknown */
};
static_assert(sizeof(struct queue_file_header) == 64, "queue file header");
static_assert(offsetof(struct queue_file_header, crc32) == 8, "queue file header");
static_assert(offsetof(struct queue_file_header, version) == 12, "queue file header");
static_assert(offsetof(struct queue_file_header, session) == 16, "queue file header");
static_assert(offsetof(struct queue_file_header, first_sequence) == 24, "queue file header");
static_assert(offsetof(struct queue_file_header, durable) == 32, "queue file header");
static_assert(offsetof(struct queue_file_header, created_ns) == 40, "queue file header");
static_assert(offsetof(struct queue_file_header, boot_id) == 48, "queue file header");

enum queue_record_kind {
    QUEUE_BATCH = 1, /* a frame follows */
    QUEUE_MARK = 2,  /* only says what is durable */
    QUEUE_CLOSED = 3 /* the queue was synced and closed; only the last record of all says that */
};

/* Followed by the frame, whose length is a multiple of 8. */
struct queue_record_header {
    uint8_t magic[4];
    uint32_t header_crc32; /* of the record's offset in the file (u64) and bytes 8 to the end of the
                              header: a record that lies within another one's frame is none */
    uint32_t frame_bytes;  /* 0 unless a batch */
    uint32_t frame_crc32;  /* of the frame */
    uint64_t session;
    uint64_t sequence;       /* 0 unless a batch */
    uint64_t previous;       /* sequence of the batch recorded before it; 0 = none */
    uint64_t durable;        /* every batch up to here needs no resend */
    int64_t queued_ns;       /* when the batch was pushed first, since the Unix epoch */
    uint64_t origin_session; /* of the dead letter that is sent again by this batch; 0 = none */
    uint64_t origin_sequence;
    uint32_t kind;
    uint32_t zero;
};
static_assert(sizeof(struct queue_record_header) == 80, "queue record header");
static_assert(offsetof(struct queue_record_header, header_crc32) == 4, "queue record header");
static_assert(offsetof(struct queue_record_header, frame_bytes) == 8, "queue record header");
static_assert(offsetof(struct queue_record_header, frame_crc32) == 12, "queue record header");
static_assert(offsetof(struct queue_record_header, session) == 16, "queue record header");
static_assert(offsetof(struct queue_record_header, sequence) == 24, "queue record header");
static_assert(offsetof(struct queue_record_header, previous) == 32, "queue record header");
static_assert(offsetof(struct queue_record_header, durable) == 40, "queue record header");
static_assert(offsetof(struct queue_record_header, queued_ns) == 48, "queue record header");
static_assert(offsetof(struct queue_record_header, origin_session) == 56, "queue record header");
static_assert(offsetof(struct queue_record_header, origin_sequence) == 64, "queue record header");
static_assert(offsetof(struct queue_record_header, kind) == 72, "queue record header");
static_assert(offsetof(struct queue_record_header, zero) == 76, "queue record header");

static const uint8_t dead_letter_magic[8] = {'I', 'N', 'G', 'E', 'S', 'T', 'D', 'L'};

/* A batch that was refused. Followed by the text and by the map, each padded to 8 bytes with
 * zeros, and by the frame as it was sent, to the end of the file. */
struct dead_letter_header {
    uint8_t magic[8];
    uint32_t crc32; /* of bytes 12 to the end of the file */
    uint32_t version;
    uint64_t session;
    uint64_t sequence;
    int64_t queued_ns;       /* when the batch was pushed first, since the Unix epoch */
    int64_t refused_ns;      /* when the refusal came */
    uint32_t code;           /* of the refusal, as in docs/protocol.md */
    uint32_t refused_blocks; /* of the frame's */
    uint32_t text_bytes;     /* the daemon's reason, UTF-8 */
    uint32_t map_bytes; /* bit i mod 8 of byte i / 8: block i was refused; 0 = not known which */
};
static_assert(sizeof(struct dead_letter_header) == 64, "dead letter header");
static_assert(offsetof(struct dead_letter_header, crc32) == 8, "dead letter header");
static_assert(offsetof(struct dead_letter_header, version) == 12, "dead letter header");
static_assert(offsetof(struct dead_letter_header, session) == 16, "dead letter header");
static_assert(offsetof(struct dead_letter_header, sequence) == 24, "dead letter header");
static_assert(offsetof(struct dead_letter_header, queued_ns) == 32, "dead letter header");
static_assert(offsetof(struct dead_letter_header, refused_ns) == 40, "dead letter header");
static_assert(offsetof(struct dead_letter_header, code) == 48, "dead letter header");
static_assert(offsetof(struct dead_letter_header, refused_blocks) == 52, "dead letter header");
static_assert(offsetof(struct dead_letter_header, text_bytes) == 56, "dead letter header");
static_assert(offsetof(struct dead_letter_header, map_bytes) == 60, "dead letter header");

#endif
