/* queue_reader.h - reads one file of a queue, record by record, and trusts no byte of it. */
#ifndef INGEST_QUEUE_READER_H
#define INGEST_QUEUE_READER_H

#include "queue_format.h"

#include <stdbool.h>

/* A record whose header is sound. */
struct queue_record {
    uint64_t offset; /* of its header in the file */
    struct queue_record_header header;
};

struct queue_reader {
    int fd;              /* borrowed */
    uint64_t offset;     /* where the next record should begin */
    uint64_t end;        /* nothing is read from here on */
    uint64_t lost_bytes; /* that were no records, so far */
    bool is_unreadable;  /* the disk failed to give something: later it may */
};

/* Reads the file's header. 0; -EBADMSG: it is damaged, missing or unreadable, the records can be
 * read still; -EPROTONOSUPPORT: another version; other errors of reading. */
int queue_reader_begin(struct queue_reader *reader, int fd, struct queue_file_header *ret_header);

/* The next record with a sound header, whose frame lies within the file; bytes before it that are
 * none are passed over and counted. 1; 0: there is none any more. */
int queue_reader_next(struct queue_reader *reader, struct queue_record *ret_record);

/* Reads a record's frame for its checksum. False: it is damaged, or reader->is_unreadable. */
bool queue_reader_check(struct queue_reader *reader, const struct queue_record *record);

/* Reads a record's frame into `to`, of header.frame_bytes. -EBADMSG: it is damaged. */
int queue_reader_frame(const struct queue_reader *reader, const struct queue_record *record,
                       uint8_t *to);

/* Where the record ends. */
uint64_t queue_record_end(const struct queue_record *record);

/* The checksum for a header that is to stand at that offset. */
uint32_t queue_record_crc32(const struct queue_record_header *header, uint64_t offset);

/* Checksum of a file's header. */
uint32_t queue_file_header_crc32(const struct queue_file_header *header);

#endif
