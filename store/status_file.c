#include "status_file.h"

#include "file_system.h"
#include "npy_header.h"
#include "store_format.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define STATUS_VERSION_VALUE 1
#define STATUS_FILE_BYTES    (NPY_HEADER_BYTES + STATUS_WORDS * 8)
/* Built under this name, so that nobody ever sees half a file. */
#define STATUS_FILE_NEW ".status.npy.new"

_Static_assert(sizeof(_Atomic int64_t) == 8, "a word of the file is a word of memory");

struct status_file {
    void *mapping;          /* STATUS_FILE_BYTES */
    _Atomic int64_t *words; /* in it */
};

static const char *const status_names[STATUS_WORDS] = {
    [STATUS_MAGIC] = "magic",
    [STATUS_VERSION] = "version",
    [STATUS_PID] = "pid",
    [STATUS_STARTED_NS] = "started_ns",
    [STATUS_HEARTBEAT_NS] = "heartbeat_ns",
    [STATUS_STATE] = "state",
    [STATUS_FLUSH_INTERVAL_NS] = "flush_interval_ns",
    [STATUS_FLUSH_LAST_NS] = "flush_last_ns",
    [STATUS_FLUSH_DURATION_NS] = "flush_duration_ns",
    [STATUS_FLUSH_DURATION_MAX_NS] = "flush_duration_max_ns",
    [STATUS_FLUSH_TICKS] = "flush_ticks",
    [STATUS_FLUSH_BYTES] = "flush_bytes",
    [STATUS_FRAMES] = "frames",
    [STATUS_BYTES] = "bytes",
    [STATUS_BATCHES] = "batches",
    [STATUS_BLOCKS] = "blocks",
    [STATUS_SAMPLES] = "samples",
    [STATUS_DUPLICATES] = "duplicates",
    [STATUS_LATE] = "late",
    [STATUS_CLAMPED] = "clamped",
    [STATUS_STRINGS_SKIPPED] = "strings_skipped",
    [STATUS_REPLIES] = "replies",
    [STATUS_REPLIES_DROPPED] = "replies_dropped",
    [STATUS_GAPS] = "gaps",
    [STATUS_SESSIONS] = "sessions",
    [STATUS_SERIES] = "series",
    [STATUS_SERIES_MAPPED] = "series_mapped",
    [STATUS_SERIES_BROKEN] = "series_broken",
    [STATUS_RESERVED_BYTES] = "reserved_bytes",
    [STATUS_BUDGET_BYTES] = "budget_bytes",
    [STATUS_FREE_BYTES] = "free_bytes",
    [STATUS_NEWEST_NS] = "newest_ns",
    [STATUS_RECOVERY] = "recovery",
    [STATUS_RECOVERY_ROWS] = "recovery_rows",
    [STATUS_RECOVERY_LOST] = "recovery_lost",
    [STATUS_RECOVERY_GIVEN_UP] = "recovery_given_up",
    [STATUS_RECOVERY_SERIES_LOST] = "recovery_series_lost",
    [STATUS_RECOVERY_DURATION_NS] = "recovery_duration_ns",
    [STATUS_JOURNAL_FILE_BYTES] = "journal_file_bytes",
    [STATUS_JOURNAL_USED_BYTES] = "journal_used_bytes",
    [STATUS_JOURNAL_WRITTEN_BYTES] = "journal_written_bytes",
    [STATUS_CHECKPOINTS] = "checkpoints",
    [STATUS_CHECKPOINT_LAST_NS] = "checkpoint_last_ns",
    [STATUS_CHECKPOINT_DURATION_NS] = "checkpoint_duration_ns",
    [STATUS_WRITTEN_BYTES] = "written_bytes",
    /* By code of the reply, as docs/protocol.md numbers them. */
    [STATUS_REFUSED + 1] = "refused_malformed",
    [STATUS_REFUSED + 2] = "refused_checksum",
    [STATUS_REFUSED + 3] = "refused_version",
    [STATUS_REFUSED + 4] = "refused_too_large",
    [STATUS_REFUSED + 5] = "refused_bad_name",
    [STATUS_REFUSED + 6] = "refused_type_mismatch",
    [STATUS_REFUSED + 7] = "refused_time_order",
    [STATUS_REFUSED + 8] = "refused_time_future",
    [STATUS_REFUSED + 9] = "refused_not_authorised",
    [STATUS_REFUSED + 10] = "refused_gap",
    [STATUS_REFUSED + 11] = "refused_store_full",
    [STATUS_REFUSED + 12] = "refused_busy",
    [STATUS_REFUSED + 13] = "refused_no_room",
    [STATUS_CLIENTS] = "clients",
    [STATUS_HANDSHAKES_REFUSED] = "handshakes_refused",
    [STATUS_HANDSHAKES_FAILED] = "handshakes_failed",
    [STATUS_FRAMES_CUT] = "frames_cut",
};

const char *status_word_name(unsigned word)
{
    return word < STATUS_WORDS ? status_names[word] : NULL;
}

/* 0 when the file has our header and length; whether its words are ours is for the caller. */
static int status_check_file(int fd)
{
    struct fs_status status;
    int r = fs_stat(fd, &status);
    if (r < 0)
        return r;
    char header[NPY_HEADER_BYTES];
    size_t read_bytes;
    r = fs_read_at(fd, header, sizeof header, 0, &read_bytes);
    if (r < 0)
        return r;
    struct npy_shape shape;
    if (!status.is_file || status.size_bytes < STATUS_FILE_BYTES || read_bytes < sizeof header ||
        npy_header_parse(header, sizeof header, &shape) < 0 || shape.dtype != DTYPE_I8 ||
        shape.rank != 1 || shape.dims[0] != STATUS_WORDS || shape.header_bytes != NPY_HEADER_BYTES)
        return -EBADMSG;
    return 0;
}

/* Writes a whole new file and puts it in the old one's place; returns its descriptor. */
static int status_replace(int folder)
{
    static const struct npy_shape shape = {.dtype = DTYPE_I8, .rank = 1, .dims = {STATUS_WORDS}};
    char bytes[STATUS_FILE_BYTES] = {0};
    int r = npy_header_write(&shape, 0, bytes);
    if (r < 0)
        return r;
    const int64_t words[2] = {STATUS_MAGIC_VALUE, STATUS_VERSION_VALUE};
    memcpy(bytes + NPY_HEADER_BYTES, words, sizeof words);

    (void)fs_remove_at(folder, STATUS_FILE_NEW);
    int fd = fs_create_at(folder, STATUS_FILE_NEW);
    if (fd < 0)
        return fd;
    r = fs_write_at(fd, bytes, sizeof bytes, 0);
    if (r == 0)
        r = fs_rename_at(folder, STATUS_FILE_NEW, STORE_STATUS_FILE);
    if (r < 0) {
        (void)fs_remove_at(folder, STATUS_FILE_NEW);
        fs_close(fd);
        return r;
    }
    return fd;
}

int status_file_open(const char *store_path, struct status_file **ret_status,
                     struct error_text *error)
{
    int folder = fs_open_folder_at(FS_HERE, store_path);
    if (folder < 0)
        return error_set_errno(error, folder, "%s", store_path);

    struct status_file *status = NULL;
    int fd = fs_open_write_at(folder, STORE_STATUS_FILE);
    int r = fd < 0 ? fd : status_check_file(fd);
    if (r == -ENOENT || r == -EBADMSG) {
        fs_close(fd);
        fd = r = status_replace(folder);
    }
    if (r < 0)
        goto done;

    r = -ENOMEM;
    status = calloc(1, sizeof *status);
    if (status == NULL)
        goto done;
    r = fs_map(fd, STATUS_FILE_BYTES, FS_WRITE, &status->mapping);
    if (r < 0)
        goto done;
    /* A full disk is an error here, not a fault at the first counter. */
    r = fs_populate_write(status->mapping, STATUS_FILE_BYTES);
    if (r < 0 && r != -EINVAL)
        goto done;
    r = 0;
    status->words = (_Atomic int64_t *)(void *)((char *)status->mapping + NPY_HEADER_BYTES);
    status_set(status, STATUS_MAGIC, STATUS_MAGIC_VALUE);
    status_set(status, STATUS_VERSION, STATUS_VERSION_VALUE);
    *ret_status = status;

done:
    fs_close(fd);
    fs_close(folder);
    if (r < 0) {
        status_file_close(status);
        return error_set_errno(error, r, "%s/%s", store_path, STORE_STATUS_FILE);
    }
    return 0;
}

int status_file_create(const char *store_path, struct status_file **ret_status,
                       struct error_text *error)
{
    int r = status_file_open(store_path, ret_status, error);
    for (unsigned word = STATUS_VERSION + 1; word < STATUS_WORDS && r == 0; word++)
        status_set(*ret_status, word, 0);
    return r;
}

void status_file_close(struct status_file *status)
{
    if (status == NULL)
        return;
    fs_unmap(status->mapping, STATUS_FILE_BYTES);
    free(status);
}

void status_set(struct status_file *status, unsigned word, int64_t value)
{
    /* Each word stands for itself, so no order between them is promised. */
    atomic_store_explicit(&status->words[word], value, memory_order_relaxed);
}

int64_t status_get(const struct status_file *status, unsigned word)
{
    return atomic_load_explicit(&status->words[word], memory_order_relaxed);
}

void status_add(struct status_file *status, unsigned word, int64_t value)
{
    /* One writer: nothing comes between the load and the store. Counters wrap rather than trap. */
    uint64_t sum = (uint64_t)status_get(status, word) + (uint64_t)value;
    status_set(status, word, (int64_t)sum);
}

int status_file_read(const char *store_path, int64_t ret_words[STATUS_WORDS],
                     struct error_text *error)
{
    int folder = fs_open_folder_at(FS_HERE, store_path);
    if (folder < 0)
        return error_set_errno(error, folder, "%s", store_path);
    int fd = fs_open_read_at(folder, STORE_STATUS_FILE);
    fs_close(folder);
    int r = fd < 0 ? fd : status_check_file(fd);
    void *mapping = NULL;
    if (r == 0)
        r = fs_map(fd, STATUS_FILE_BYTES, FS_READ, &mapping);
    fs_close(fd);
    if (r == -EBADMSG)
        return error_set(error, r, "%s/%s: not a status file", store_path, STORE_STATUS_FILE);
    if (r < 0)
        return error_set_errno(error, r, "%s/%s", store_path, STORE_STATUS_FILE);

    int64_t words[STATUS_WORDS];
    const _Atomic int64_t *live =
        (const _Atomic int64_t *)(const void *)((const char *)mapping + NPY_HEADER_BYTES);
    for (unsigned word = 0; word < STATUS_WORDS; word++)
        words[word] = atomic_load_explicit(&live[word], memory_order_relaxed);
    fs_unmap(mapping, STATUS_FILE_BYTES);

    if (words[STATUS_MAGIC] != STATUS_MAGIC_VALUE)
        return error_set(error, -EBADMSG, "%s/%s: not a status file", store_path,
                         STORE_STATUS_FILE);
    if (words[STATUS_VERSION] != STATUS_VERSION_VALUE)
        return error_set(error, -EBADMSG, "%s/%s: version %lld, and this program knows version %d",
                         store_path, STORE_STATUS_FILE, (long long)words[STATUS_VERSION],
                         STATUS_VERSION_VALUE);
    memcpy(ret_words, words, sizeof words);
    return 0;
}
