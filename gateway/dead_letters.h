/* dead_letters.h - batches that the daemon refused for good, each in a file of its own, with the
 * reason (docs/gateway-queue.md). Several gateways may share a folder: one adds what is refused,
 * another sends it again. Results are 0 or a negative errno. */
#ifndef INGEST_DEAD_LETTERS_H
#define INGEST_DEAD_LETTERS_H

#include "queue_format.h"

struct dead_letters {
    int folder_fd;
    uint64_t limit_bytes;
    uint64_t used_bytes; /* as far as this gateway knows */
    uint64_t counted_ns; /* monotonic: when it was last looked up; 0 = never */
};

/* One letter. Pointers are into `bytes`, which is freed by dead_letter_free(), or the caller's. */
struct dead_letter {
    struct dead_letter_header header; /* for writing: session, sequence, times, code, the counts */
    const char *text;
    const uint8_t *map; /* NULL = not known which blocks were refused */
    const uint8_t *frame;
    size_t frame_bytes;
    uint8_t *bytes;
};

/* Opens the folder, made if it is not there. What a crash of this session left unfinished goes. */
int dead_letters_open(const char *path, uint64_t limit_bytes, uint64_t session,
                      struct dead_letters *ret_letters);

/* One that is not open is allowed. */
void dead_letters_close(struct dead_letters *letters);

/* Writes a letter: durable when it returns. One with that session and sequence is replaced.
 * -EDQUOT: the folder holds as many bytes as it may. */
int dead_letters_put(struct dead_letters *letters, const struct dead_letter *letter);

/* 0; -EBADMSG: damaged; -ENOENT; -EPROTONOSUPPORT: another version. */
int dead_letters_read(const struct dead_letters *letters, uint64_t session, uint64_t sequence,
                      struct dead_letter *ret_letter);
void dead_letter_free(struct dead_letter *letter);

/* Removes one, durably. No error when it is not there. */
int dead_letters_remove(struct dead_letters *letters, uint64_t session, uint64_t sequence);

struct dead_letter_name {
    int64_t queued_ns;
    uint64_t session;
    uint64_t sequence;
};

/* All of them, in the order in which they were first pushed; freed by the caller. Files that are
 * damaged are in the list too. */
int dead_letters_list(const struct dead_letters *letters, struct dead_letter_name **ret_names,
                      size_t *ret_count);

/* Whether that block of the letter is to be sent again. */
static inline int dead_letter_has_block(const struct dead_letter *letter, unsigned index)
{
    return letter->map == NULL || (letter->map[index / 8] >> index % 8 & 1) != 0;
}

#endif
