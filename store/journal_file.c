#include "journal_file.h"

#include "clock_ns.h"
#include "file_system.h"
#include "journal_format.h"
#include "planted.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_NAME_BYTES 32
/* A new file is so many times its snapshot at least. */
#define SNAPSHOT_SHARE 4

static const char *file_name(uint64_t number, char buffer[FILE_NAME_BYTES])
{
    snprintf(buffer, FILE_NAME_BYTES, JOURNAL_FILE_PREFIX "%" PRIu64, number);
    return buffer;
}

/* The number of a journal file, or 0: it is something else. */
static uint64_t file_number(const char *entry)
{
    char *end;
    size_t prefix = sizeof JOURNAL_FILE_PREFIX - 1;
    if (strncmp(entry, JOURNAL_FILE_PREFIX, prefix) != 0 || entry[prefix] < '1' ||
        entry[prefix] > '9')
        return 0;
    errno = 0;
    uint64_t number = strtoull(entry + prefix, &end, 10);
    return errno == 0 && *end == '\0' && number < UINT64_MAX / 2 ? number : 0;
}

void journal_init(struct journal *journal, int folder, uint64_t bytes_wanted)
{
    *journal =
        (struct journal){.folder = folder, .fd = -1, .next_fd = -1, .bytes_wanted = bytes_wanted};
}

void journal_close(struct journal *journal)
{
    fs_close(journal->fd);
    fs_close(journal->next_fd);
    journal->fd = journal->next_fd = -1;
}

/* ---- reading ---- */

/* The highest number below a limit. */
struct search {
    uint64_t below;
    uint64_t found;
};

static int note_number(const char *entry, bool is_folder, void *context)
{
    struct search *search = context;
    uint64_t number = is_folder ? 0 : file_number(entry);
    if (number > search->found && number < search->below)
        search->found = number;
    return 0;
}

static int read_file(int folder, uint64_t number, uint8_t **ret_bytes, size_t *ret_byte_count)
{
    char name[FILE_NAME_BYTES];
    struct fs_status status = {0};
    int fd = fs_open_read_at(folder, file_name(number, name));
    int result = fd < 0 ? fd : fs_stat(fd, &status);
    uint8_t *bytes = NULL;
    size_t byte_count =
        (size_t)(status.size_bytes < JOURNAL_BYTES_MAX ? status.size_bytes : JOURNAL_BYTES_MAX);
    if (result >= 0) {
        bytes = malloc(byte_count > 0 ? byte_count : 1);
        result = bytes == NULL ? -ENOMEM : fs_read_at(fd, bytes, byte_count, 0, ret_byte_count);
    }
    fs_close(fd);
    if (result < 0) {
        free(bytes);
        return result;
    }
    *ret_bytes = bytes;
    return 0;
}

int journal_load(struct journal *journal, struct journal_image *ret_image, uint8_t **ret_bytes)
{
    struct search search = {.below = UINT64_MAX};
    int result = fs_for_each_entry(journal->folder, ".", note_number, &search);
    if (result < 0)
        return result;
    journal->number = search.found;
    while (search.found > 0) {
        uint8_t *bytes;
        size_t byte_count = 0;
        result = read_file(journal->folder, search.found, &bytes, &byte_count);
        if (result < 0)
            return result;
        result = journal_image_read(bytes, byte_count, search.found, ret_image);
        if (result == 0) {
            journal->number = search.found;
            *ret_bytes = bytes;
            return 0;
        }
        free(bytes);
        if (result != -ENODATA)
            return result;
        search = (struct search){.below = search.found};
        result = fs_for_each_entry(journal->folder, ".", note_number, &search);
        if (result < 0)
            return result;
    }
    return -ENODATA;
}

/* ---- writing ---- */

/* Zeros in small writes: a file that was written in large ones sits in the cache in large pages,
 * and whatever changes in one of them later is written out whole. */
static int fill_file(int fd, uint64_t byte_count)
{
    static char zeros[JOURNAL_BLOCK_BYTES]; /* not const: so it takes no room in the program */
    int result = 0;
    for (uint64_t at = 0; at < byte_count && result == 0; at += sizeof zeros)
        result = fs_write_at(fd, zeros, sizeof zeros, at);
    return result == 0 ? fs_sync_data(fd) : result;
}

int journal_open_next(struct journal *journal)
{
    char name[FILE_NAME_BYTES];
    struct fs_status *status = &journal->next_status;
    /* The file that waits, if it is there still. */
    if (journal->next_fd >= 0 && fs_stat(journal->next_fd, status) == 0 && status->links > 0)
        return 0;
    fs_close(journal->next_fd);
    journal->next_fd = fs_open_or_create_at(journal->folder, file_name(journal->number + 1, name));
    return journal->next_fd < 0 ? journal->next_fd : fs_stat(journal->next_fd, status);
}

/* Makes the file that was opened as large as it has to be. A disk that is too full for that leaves
 * it as small as it is, as long as the snapshot fits. Its descriptor is the caller's. */
static int take_next(struct journal *journal, size_t snapshot_bytes, uint64_t *ret_byte_count)
{
    char name[FILE_NAME_BYTES];
    struct fs_status status = journal->next_status;
    uint64_t wanted = journal->bytes_wanted;
    if (wanted < (uint64_t)snapshot_bytes * SNAPSHOT_SHARE)
        wanted = (uint64_t)snapshot_bytes * SNAPSHOT_SHARE;
    int fd = journal->next_fd, result = 0;
    journal->next_fd = -1;
    assert(fd >= 0);
    uint64_t has = status.size_bytes / JOURNAL_BLOCK_BYTES * JOURNAL_BLOCK_BYTES;
    /* What somebody left sparse would ask a full disk for blocks later. */
    bool is_whole = status.allocated_bytes >= has;
    if (!is_whole || has < wanted) {
        result = fill_file(fd, wanted);
        if (result == 0)
            has = wanted;
        else if (result == -ENOSPC && is_whole && has / 2 > snapshot_bytes)
            result = 0;
    }
    if (result < 0) {
        fs_close(fd);
        (void)fs_remove_at(journal->folder, file_name(journal->number + 1, name));
        return result;
    }
    *ret_byte_count = has < JOURNAL_BYTES_MAX ? has : JOURNAL_BYTES_MAX;
    return fd;
}

bool journal_has_room(const struct journal *journal, size_t byte_count)
{
    return journal->fd >= 0 && byte_count <= journal->byte_count - journal->used;
}

/* Writes and, unless a bug is planted, syncs. */
static int write_record(int fd, const struct journal_record *record, uint64_t at)
{
    int result = fs_write_at(fd, record->bytes, record->byte_count, at);
    if (result < 0 || PLANTED(BUG_ACK_BEFORE_SYNC))
        return result;
    return fs_sync_data(fd);
}

int journal_append(struct journal *journal, struct journal_record *record)
{
    if (journal->has_failed)
        return -EIO;
    journal_record_seal(record, journal->salt, journal->number, journal->record_next);
    int result = write_record(journal->fd, record, journal->used);
    if (result < 0)
        return result;
    journal->used += record->byte_count;
    journal->bytes_written += record->byte_count;
    journal->record_next++;
    return 0;
}

/* The file that was in use waits for its next turn: under the number behind the one in use. That it
 * is found there again after a power cut does not matter: its snapshot has an older number, so it
 * is believed under that alone, and then only if there is no newer one. */
static void retire(struct journal *journal, int fd, uint64_t number, uint64_t next)
{
    char from[FILE_NAME_BYTES];
    char to[FILE_NAME_BYTES];
    if (fs_rename_at(journal->folder, file_name(number, from), file_name(next, to)) == 0)
        journal->next_fd = fd;
    else
        fs_close(fd);
}

int journal_prepare_next(struct journal *journal)
{
    uint64_t byte_count = 0;
    int result = journal_open_next(journal);
    if (result < 0)
        return result;
    journal->next_fd = take_next(journal, 0, &byte_count);
    return journal->next_fd < 0 ? journal->next_fd : fs_sync_folder(journal->folder);
}

static int remove_other(const char *entry, bool is_folder, void *context)
{
    const struct journal *journal = context;
    uint64_t number = is_folder ? 0 : file_number(entry);
    if (number == 0 || number == journal->number || number == journal->number + 1)
        return 0;
    int result = fs_remove_at(journal->folder, entry);
    return result == -ENOENT ? 0 : result;
}

int journal_remove_others(struct journal *journal)
{
    return fs_for_each_entry(journal->folder, ".", remove_other, journal);
}

int journal_begin_next(struct journal *journal, struct journal_record *snapshot)
{
    if (journal->has_failed)
        return -EIO;
    uint64_t before = journal->number;
    uint64_t number = journal->number + 1;
    uint64_t byte_count = 0;
    int fd = take_next(journal, snapshot->byte_count, &byte_count);
    if (fd < 0)
        return fd;
    /* Any number that the file's last use did not have. */
    uint64_t salt = (uint64_t)clock_realtime_ns() * UINT64_C(0x9E3779B97F4A7C15) ^ number;
    if (PLANTED(BUG_JOURNAL_RETIRED_EARLY)) {
        char name[FILE_NAME_BYTES];
        (void)fs_remove_at(journal->folder, file_name(before, name));
        (void)fs_sync_folder(journal->folder);
    }
    journal_record_seal(snapshot, salt, number, 0);
    int result = write_record(fd, snapshot, 0);
    if (result == 0)
        result = fs_sync_folder(journal->folder);
    if (result < 0) {
        fs_close(fd);
        return result;
    }
    int fd_before = journal->fd;
    journal->fd = fd;
    journal->number = number;
    journal->byte_count = byte_count;
    journal->used = snapshot->byte_count;
    journal->bytes_written += snapshot->byte_count;
    journal->salt = salt;
    journal->record_next = 1;
    if (PLANTED(BUG_JOURNAL_RETIRED_EARLY))
        fs_close(fd_before);
    else
        retire(journal, fd_before, before, number + 1);
    return 0;
}
