/* Any bytes as the file of a queue and as a dead letter. The queue is opened on them, read to its
 * end, appended to, and opened again: what is read once is read again, and so is what was appended.
 */
#include "crc32.h"
#include "dead_letters.h"
#include "queue.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define REQUIRE(condition)                                                                         \
    do {                                                                                           \
        if (!(condition))                                                                          \
            abort();                                                                               \
    } while (0)

static char folder[64];

static void remove_folder(void)
{
    char path[400];
    DIR *entries = opendir(folder);
    for (const struct dirent *entry; entries != NULL && (entry = readdir(entries)) != NULL;) {
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        (void)unlink(path);
    }
    if (entries != NULL)
        closedir(entries);
    (void)rmdir(folder);
}

static void make_folder(void)
{
    /* In memory where there is such a file system: a thousand times a second something is synced.
     */
    snprintf(folder, sizeof folder, "%s/ingest-fuzz-%d",
             access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp", (int)getpid());
    atexit(remove_folder);
}

static void write_file(const char *name, const uint8_t *data, size_t data_bytes)
{
    char path[400];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    REQUIRE(fd >= 0 && write(fd, data, data_bytes) == (ssize_t)data_bytes);
    close(fd);
}

/* Reads all that is held; how many batches, and a sum over them. */
static unsigned read_all(struct queue *queue, uint64_t *ret_last, uint64_t *ret_sum)
{
    struct queue_record_header header;
    unsigned count = 0;
    *ret_last = *ret_sum = 0;
    while (queue_peek(queue, &header) == 1) {
        REQUIRE(header.sequence > *ret_last && header.sequence > queue->durable);
        REQUIRE(header.sequence < queue->next);
        uint8_t *frame = malloc(header.frame_bytes);
        REQUIRE(frame != NULL);
        if (queue_take(queue, frame) == 0) {
            count++;
            *ret_last = header.sequence;
            *ret_sum = *ret_sum * 31 + header.sequence + header.frame_crc32;
        }
        free(frame);
    }
    return count;
}

static void try_queue(void)
{
    const struct queue_options options = {
        .path = folder, .limit_bytes = (uint64_t)1 << 30, .session = 1};
    static const uint8_t frame[40] = {1, 2, 3};
    struct queue queue;
    uint64_t last, sum, last_again, sum_again;
    if (queue_open(&options, &queue) < 0)
        return;
    unsigned count = read_all(&queue, &last, &sum);
    uint64_t appended = queue.next;
    REQUIRE(appended > last);
    REQUIRE(queue_append(&queue, frame, sizeof frame, 0, NULL) == 0);
    queue_shut(&queue);

    int result = queue_open(&options, &queue);
    if (result == -EOVERFLOW && appended > QUEUE_SEQUENCE_MAX - ((uint64_t)1 << 22))
        return; /* all numbers are used up */
    REQUIRE(result == 0);
    REQUIRE(queue.last == appended && queue.next == appended + 1);
    REQUIRE(read_all(&queue, &last_again, &sum_again) == count + 1);
    REQUIRE(last_again == appended);
    queue_shut(&queue);
}

static void try_letter(void)
{
    struct dead_letters letters;
    struct dead_letter letter = {0};
    REQUIRE(dead_letters_open(folder, UINT64_MAX, 1, &letters) == 0);
    if (dead_letters_read(&letters, 1, 1, &letter) == 0) {
        struct dead_letter again = {0};
        REQUIRE(dead_letters_put(&letters, &letter) == 0);
        REQUIRE(dead_letters_read(&letters, letter.header.session, letter.header.sequence,
                                  &again) == 0);
        REQUIRE(again.frame_bytes == letter.frame_bytes);
        REQUIRE(memcmp(again.frame, letter.frame, letter.frame_bytes) == 0);
        dead_letter_free(&again);
    }
    dead_letter_free(&letter);
    dead_letters_close(&letters);
}

/* Puts the checksums right, so that what lies behind them is reached. */
static void mend_queue(uint8_t *bytes, size_t length)
{
    struct queue_file_header header;
    if (length < sizeof header)
        return;
    memcpy(&header, bytes, sizeof header);
    header.crc32 = queue_file_header_crc32(&header);
    memcpy(bytes, &header, sizeof header);
    for (uint64_t at = sizeof header; length - at >= sizeof(struct queue_record_header);) {
        struct queue_record_header record;
        memcpy(&record, bytes + at, sizeof record);
        const size_t left = length - at - sizeof record;
        record.frame_bytes &= 0xFFFF;
        if (record.frame_bytes <= left)
            record.frame_crc32 = crc32_update(0, bytes + at + sizeof record, record.frame_bytes);
        record.header_crc32 = queue_record_crc32(&record, at);
        memcpy(bytes + at, &record, sizeof record);
        at += sizeof record + (record.frame_bytes <= left ? record.frame_bytes & ~7u : 0);
    }
}

static void mend_letter(uint8_t *bytes, size_t length)
{
    const size_t from = offsetof(struct dead_letter_header, version);
    if (length < sizeof(struct dead_letter_header))
        return;
    uint32_t crc = crc32_update(0, bytes + from, length - from);
    memcpy(bytes + offsetof(struct dead_letter_header, crc32), &crc, sizeof crc);
}

static void try_bytes(const uint8_t *queue_bytes, const uint8_t *letter_bytes, size_t length)
{
    remove_folder();
    REQUIRE(mkdir(folder, 0700) == 0);
    write_file("batches-0000000000000001", queue_bytes, length);
    try_queue();
    write_file("refused-0000000000000001-0000000000000001", letter_bytes, length);
    try_letter();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t data_bytes);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t data_bytes)
{
    if (folder[0] == '\0')
        make_folder();
    try_bytes(data, data, data_bytes);
    uint8_t *queue_bytes = malloc(data_bytes + 1);
    uint8_t *letter_bytes = malloc(data_bytes + 1);
    REQUIRE(queue_bytes != NULL && letter_bytes != NULL);
    memcpy(queue_bytes, data, data_bytes);
    memcpy(letter_bytes, data, data_bytes);
    mend_queue(queue_bytes, data_bytes);
    mend_letter(letter_bytes, data_bytes);
    try_bytes(queue_bytes, letter_bytes, data_bytes);
    free(queue_bytes);
    free(letter_bytes);
    return 0;
}
