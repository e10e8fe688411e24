/* A row is guarded by a version, odd while it is written (a seqlock: Boehm, "Can seqlocks get along
 * with programming language memory models?", MSPC 2012). */
#include "gateways_file.h"

#include "file_system.h"
#include "npy_header.h"
#include "store_format.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define GATEWAYS_FILE_NEW ".gateways.npy.new"
#define ROW_BYTES         (GATEWAYS_WORDS * sizeof(int64_t))
#define FILE_BYTES        (NPY_HEADER_BYTES + GATEWAYS_ROWS * ROW_BYTES)
#define TRIES             1000

enum row_word {
    ROW_SESSION,
    ROW_VERSION,
    ROW_SEEN,
    ROW_STORED,
    ROW_DURABLE,
    ROW_LATE,
    ROW_REFUSED,
    ROW_NAME = 8,
    ROW_ADDRESS = 16,
    ROW_OWNER = 24
};
#define TEXT_WORDS (GATEWAYS_TEXT_BYTES / sizeof(int64_t))

struct gateways_file {
    void *mapping;
    _Atomic int64_t *words;
};

static const struct npy_shape gateways_shape = {
    .dtype = DTYPE_I8, .rank = 2, .dims = {GATEWAYS_ROWS, GATEWAYS_WORDS}};

static _Atomic int64_t *words_of(void *mapping)
{
    return (_Atomic int64_t *)(void *)((char *)mapping + NPY_HEADER_BYTES);
}

/* A whole new file under another name, then in the old one's place. */
static int replace_file(int folder)
{
    char *bytes = calloc(1, FILE_BYTES);
    if (bytes == NULL)
        return -ENOMEM;
    int result = npy_header_write(&gateways_shape, 0, bytes);
    (void)fs_remove_at(folder, GATEWAYS_FILE_NEW);
    int fd = result < 0 ? result : fs_create_at(folder, GATEWAYS_FILE_NEW);
    result = fd < 0 ? fd : fs_write_at(fd, bytes, FILE_BYTES, 0);
    free(bytes);
    if (result == 0)
        result = fs_rename_at(folder, GATEWAYS_FILE_NEW, STORE_GATEWAYS_FILE);
    if (result == 0)
        return fd;
    (void)fs_remove_at(folder, GATEWAYS_FILE_NEW);
    fs_close(fd);
    return result;
}

/* 0; -EBADMSG: another file than ours. */
static int check_file(int fd)
{
    char header[NPY_HEADER_BYTES];
    char wanted[NPY_HEADER_BYTES];
    struct fs_status status = {0};
    size_t read_bytes = 0;
    int result = fs_stat(fd, &status);
    if (result == 0)
        result = fs_read_at(fd, header, sizeof header, 0, &read_bytes);
    if (result == 0)
        result = npy_header_write(&gateways_shape, 0, wanted);
    if (result == 0 && (status.size_bytes < FILE_BYTES || read_bytes < sizeof header ||
                        memcmp(header, wanted, sizeof header) != 0))
        result = -EBADMSG;
    return result;
}

int gateways_file_create(const char *store_path, struct gateways_file **ret_file,
                         struct error_text *error)
{
    struct gateways_file *file = calloc(1, sizeof *file);
    int folder = fs_open_folder_at(FS_HERE, store_path);
    int fd = folder < 0 ? folder : fs_open_write_at(folder, STORE_GATEWAYS_FILE);
    int result = fd < 0 ? fd : check_file(fd);
    if (folder >= 0 && (result == -ENOENT || result == -EBADMSG)) {
        fs_close(fd);
        result = fd = replace_file(folder);
    }
    if (result >= 0)
        result = file == NULL ? -ENOMEM : fs_map(fd, FILE_BYTES, FS_WRITE, &file->mapping);
    if (result == 0) {
        result = fs_populate_write(file->mapping, FILE_BYTES);
        result = result == -EINVAL ? 0 : result; /* an older kernel */
    }
    fs_close(fd);
    fs_close(folder);
    if (result < 0) {
        gateways_file_close(file);
        return error_set_errno(error, result, "%s/" STORE_GATEWAYS_FILE, store_path);
    }
    file->words = words_of(file->mapping);
    for (size_t i = 0; i < (size_t)GATEWAYS_ROWS * GATEWAYS_WORDS; i++)
        atomic_store_explicit(&file->words[i], 0, memory_order_relaxed);
    *ret_file = file;
    return 0;
}

void gateways_file_close(struct gateways_file *file)
{
    if (file == NULL)
        return;
    fs_unmap(file->mapping, FILE_BYTES);
    free(file);
}

static void set_text(_Atomic int64_t *words, const char *text)
{
    int64_t copy[TEXT_WORDS] = {0};
    memcpy(copy, text, strnlen(text, GATEWAYS_TEXT_BYTES));
    for (size_t i = 0; i < TEXT_WORDS; i++)
        atomic_store_explicit(&words[i], copy[i], memory_order_relaxed);
}

void gateways_file_set(struct gateways_file *file, unsigned row, const struct gateways_row *value)
{
    _Atomic int64_t *words = file->words + (size_t)row * GATEWAYS_WORDS;
    int64_t version = atomic_load_explicit(&words[ROW_VERSION], memory_order_relaxed);
    atomic_store_explicit(&words[ROW_VERSION], version + 1, memory_order_relaxed);
    atomic_thread_fence(memory_order_release);
    atomic_store_explicit(&words[ROW_SESSION], (int64_t)value->session, memory_order_relaxed);
    atomic_store_explicit(&words[ROW_SEEN], value->seen_ns, memory_order_relaxed);
    atomic_store_explicit(&words[ROW_STORED], (int64_t)value->stored, memory_order_relaxed);
    atomic_store_explicit(&words[ROW_DURABLE], (int64_t)value->durable, memory_order_relaxed);
    atomic_store_explicit(&words[ROW_LATE], (int64_t)value->late, memory_order_relaxed);
    atomic_store_explicit(&words[ROW_REFUSED], (int64_t)value->refused, memory_order_relaxed);
    set_text(&words[ROW_NAME], value->name);
    set_text(&words[ROW_ADDRESS], value->address);
    set_text(&words[ROW_OWNER], value->owner);
    atomic_store_explicit(&words[ROW_VERSION], version + 2, memory_order_release);
}

/* False: a writer was in the middle of it, and stayed there (it was killed). */
static bool get_row(const _Atomic int64_t *words, struct gateways_row *ret_row)
{
    for (unsigned i = 0; i < TRIES; i++) {
        int64_t copy[GATEWAYS_WORDS];
        int64_t before = atomic_load_explicit(&words[ROW_VERSION], memory_order_acquire);
        for (unsigned w = 0; w < GATEWAYS_WORDS; w++)
            copy[w] = atomic_load_explicit(&words[w], memory_order_relaxed);
        atomic_thread_fence(memory_order_acquire);
        int64_t after = atomic_load_explicit(&words[ROW_VERSION], memory_order_relaxed);
        if (before != after || (before & 1) != 0)
            continue;
        *ret_row = (struct gateways_row){.session = (uint64_t)copy[ROW_SESSION],
                                         .seen_ns = copy[ROW_SEEN],
                                         .stored = (uint64_t)copy[ROW_STORED],
                                         .durable = (uint64_t)copy[ROW_DURABLE],
                                         .late = (uint64_t)copy[ROW_LATE],
                                         .refused = (uint64_t)copy[ROW_REFUSED]};
        memcpy(ret_row->name, &copy[ROW_NAME], GATEWAYS_TEXT_BYTES);
        memcpy(ret_row->address, &copy[ROW_ADDRESS], GATEWAYS_TEXT_BYTES);
        memcpy(ret_row->owner, &copy[ROW_OWNER], GATEWAYS_TEXT_BYTES);
        return ret_row->session != 0;
    }
    return false;
}

int gateways_file_read(const char *store_path, struct gateways_row **ret_rows, size_t *ret_count,
                       struct error_text *error)
{
    void *mapping = NULL;
    struct gateways_row *rows = NULL;
    size_t count = 0;
    int folder = fs_open_folder_at(FS_HERE, store_path);
    int fd = folder < 0 ? folder : fs_open_read_at(folder, STORE_GATEWAYS_FILE);
    fs_close(folder);
    int result = fd < 0 ? fd : check_file(fd);
    if (result == 0)
        result = fs_map(fd, FILE_BYTES, FS_READ, &mapping);
    fs_close(fd);
    if (result == 0) {
        rows = calloc(GATEWAYS_ROWS, sizeof rows[0]);
        result = rows == NULL ? -ENOMEM : 0;
    }
    for (unsigned i = 0; i < GATEWAYS_ROWS && result == 0; i++)
        count += get_row(words_of(mapping) + (size_t)i * GATEWAYS_WORDS, &rows[count]);
    fs_unmap(mapping, FILE_BYTES);
    if (result < 0)
        return error_set_errno(error, result, "%s/" STORE_GATEWAYS_FILE, store_path);
    *ret_rows = rows;
    *ret_count = count;
    return 0;
}
