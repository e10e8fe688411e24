/* journal_format.h - the journal's bytes, format version 1. Mirrors docs/format.md, "The journal":
 * change both. No functions here.
 *
 *   STORE/journal-<n>: a file of fixed size, records one after another, each at a multiple of
 *   JOURNAL_BLOCK_BYTES and padded to it with zeros. The first one is a snapshot of the store.
 *
 *   record:   header | sessions | items
 *   session:  u64 session, u64 stored
 *   item:     varint slot | u8 flags | described: description | varint count | varint rows
 *             | runs: varint runs count, varint runs | reserve: u8 | entries: u8 how many, entries
 *             | values of the rows | times of the rows, or the runs
 *
 * A varint is a number in groups of seven bits, the lowest first, each byte but the last with its
 * top bit set (LEB128). A slot numbers a series within one journal file: it is given by the series'
 * description, in the order 0, 1, 2, ... */
#ifndef INGEST_JOURNAL_FORMAT_H
#define INGEST_JOURNAL_FORMAT_H

#include <stdint.h>

#define JOURNAL_FILE_PREFIX "journal-"
#define JOURNAL_BLOCK_BYTES 4096
#define JOURNAL_BYTES_MIN   (UINT64_C(64) << 10)
#define JOURNAL_BYTES_MAX   (UINT64_C(4) << 30)

/* "IJR1" read as a little-endian word. */
#define JOURNAL_MAGIC UINT32_C(0x31524A49)

enum journal_header_offset {
    JOURNAL_AT_MAGIC = 0,
    JOURNAL_AT_CRC = 4,     /* u32 crc32c of bytes 8 .. length */
    JOURNAL_AT_LENGTH = 8,  /* u32, header included, padding not */
    JOURNAL_AT_ITEMS = 12,  /* u32 */
    JOURNAL_AT_SALT = 16,   /* u64, the same in all records of a file, another in each use of it */
    JOURNAL_AT_RECORD = 24, /* u64, number of the record in the file, 0 = the snapshot */
    JOURNAL_AT_NUMBER = 32, /* u64, the n of the file's name */
    JOURNAL_AT_ID = 40,     /* u64, the highest series id given so far: docs/format.md */
    JOURNAL_AT_TIME = 48,   /* i64, when it was written, ns since the Unix epoch: for people */
    JOURNAL_AT_SESSIONS = 56, /* u32 */
    JOURNAL_AT_VERSION = 60,  /* u32, JOURNAL_VERSION */
    JOURNAL_HEADER_BYTES = 64
};
#define JOURNAL_VERSION       1
#define JOURNAL_SESSION_BYTES 16

/* Flags of an item. */
#define JOURNAL_DESCRIBED 1u /* a description follows, which gives the next slot */
#define JOURNAL_REMOVED   2u /* the series was deleted; nothing follows */
#define JOURNAL_RUNS      4u /* the runs count follows, and runs that are not in runs.npy for sure */
#define JOURNAL_RESERVE   8u  /* reserve levels follow: low half the rows', high half the runs' */
#define JOURNAL_ENTRIES   16u /* session entries of the head follow: sequence above `stored` */
#define JOURNAL_FLAGS_ALL 31u

/* description: u64 id | u64 capacity | i64 created ns | u8 dtype[2] | u8 rank | u8 clock | u8 name
 * length | u32 dims[rank] | name */
#define JOURNAL_DESCRIPTION_BYTES 29

/* entry: u64 session | u64 sequence | u64 count that it brought the series to */
#define JOURNAL_ENTRY_BYTES 24

/* STORE/STATE: one line of text, padded with blanks to STATE_FILE_BYTES, a newline at its end:
 *   recovering
 *   running BOOT-ID DEVICE INODE
 *   clean                                                                                        */
#define STORE_STATE_FILE "STATE"
#define STATE_FILE_BYTES 128

#endif
