#include "queue_disk.h"

#include "random_bits.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define SECTOR     512
#define FILES_MAX  1024
#define NAME_BYTES 64

/* A file by its inode, which a descriptor keeps from being used for another one. */
struct disk_file {
    int fd;
    ino_t inode;
    uint8_t *synced;
    size_t synced_bytes;
};

struct disk_name {
    char name[NAME_BYTES];
    size_t file;
};

struct disk_names {
    struct disk_name items[FILES_MAX];
    size_t count;
};

static struct {
    const char *folder;
    uint64_t *random;
    uint64_t boot;
    struct disk_file files[FILES_MAX];
    size_t file_count;
    struct disk_names durable; /* as the folder was synced last */
    int fail_after;            /* calls; -1 = none fails */
    bool fails_for_ever;
    bool folder_sync_fails;
    bool has_failed;
} disk;

static unsigned pick(unsigned choices)
{
    return (unsigned)(random_bits(disk.random) % choices);
}

// NOLINTBEGIN(bugprone-reserved-identifier): the linker's names
int __real_openat64(int folder_fd, const char *path, int flags, ...);
ssize_t __real_pread64(int fd, void *to, size_t length, off_t offset);
ssize_t __real_pwritev64(int fd, const struct iovec *pieces, int count, off_t offset);
int __real_ftruncate64(int fd, off_t length);
int __real_renameat(int old_fd, const char *old, int new_fd, const char *new_name);
int __real_unlinkat(int folder_fd, const char *name, int flags);
// NOLINTEND(bugprone-reserved-identifier)

/* --- What is durable --- */

static uint8_t *read_all(int fd, size_t *ret_bytes)
{
    struct stat status;
    if (fstat(fd, &status) != 0)
        abort();
    *ret_bytes = (size_t)status.st_size;
    uint8_t *bytes = malloc(*ret_bytes + 1);
    if (bytes == NULL || __real_pread64(fd, bytes, *ret_bytes, 0) != (ssize_t)*ret_bytes)
        abort();
    return bytes;
}

static void note_synced(struct disk_file *file)
{
    free(file->synced);
    file->synced = read_all(file->fd, &file->synced_bytes);
}

/* Index of the file; one that is new has nothing that is durable. */
static size_t find_file(int fd)
{
    struct stat status;
    if (fstat(fd, &status) != 0)
        abort();
    for (size_t i = 0; i < disk.file_count; i++)
        if (disk.files[i].inode == status.st_ino)
            return i;
    /* Opened anew: a duplicate would share the lock. */
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    int own_fd = open(path, O_RDONLY | O_CLOEXEC);
    assert(own_fd >= 0 && disk.file_count < FILES_MAX);
    disk.files[disk.file_count] = (struct disk_file){.fd = own_fd, .inode = status.st_ino};
    return disk.file_count++;
}

static int compare_names(const void *a, const void *b)
{
    const struct disk_name *left = a, *right = b;
    return strcmp(left->name, right->name);
}

/* What the folder holds now; in the same order in each run. */
static void list_names(struct disk_names *ret_names)
{
    ret_names->count = 0;
    DIR *folder = opendir(disk.folder);
    for (const struct dirent *entry; folder != NULL && (entry = readdir(folder)) != NULL;) {
        if (entry->d_name[0] == '.' || entry->d_type == DT_DIR)
            continue;
        char path[512];
        snprintf(path, sizeof path, "%s/%s", disk.folder, entry->d_name);
        int fd = open(path, O_RDWR | O_CLOEXEC);
        assert(fd >= 0 && ret_names->count < FILES_MAX && strlen(entry->d_name) < NAME_BYTES);
        struct disk_name *name = &ret_names->items[ret_names->count++];
        snprintf(name->name, sizeof name->name, "%.63s", entry->d_name);
        name->file = find_file(fd);
        close(fd);
    }
    if (folder != NULL)
        closedir(folder);
    qsort(ret_names->items, ret_names->count, sizeof *ret_names->items, compare_names);
}

static void forget_files(void)
{
    for (size_t i = 0; i < disk.file_count; i++) {
        close(disk.files[i].fd);
        free(disk.files[i].synced);
    }
    disk.file_count = 0;
}

static void all_is_durable(void)
{
    forget_files();
    list_names(&disk.durable);
    for (size_t i = 0; i < disk.file_count; i++)
        note_synced(&disk.files[i]);
}

void queue_disk_begin(const char *folder, uint64_t *random)
{
    disk.folder = folder;
    disk.random = random;
    disk.boot = 1;
    queue_disk_fail(-1, false);
    all_is_durable();
}

void queue_disk_end(void)
{
    forget_files();
    disk.folder = NULL;
}

/* --- A power cut --- */

static const struct disk_name *find_name(const struct disk_names *names, const char *name)
{
    for (size_t i = 0; i < names->count; i++)
        if (strcmp(names->items[i].name, name) == 0)
            return &names->items[i];
    return NULL;
}

/* What is left of a file that was written to since it was synced. */
static uint8_t *mix(const struct disk_file *file, size_t *ret_bytes)
{
    size_t now_bytes;
    uint8_t *now = read_all(file->fd, &now_bytes);
    const unsigned how = pick(3);
    const size_t before = file->synced_bytes;
    size_t length = how == 0 ? before : now_bytes;
    if (how == 2 && now_bytes > before)
        length = before + pick((unsigned)(now_bytes - before) + 1);
    uint8_t *bytes = calloc(1, length + 1);
    assert(bytes != NULL);
    for (size_t at = 0; at < length; at += SECTOR) {
        size_t end = at + SECTOR < length ? at + SECTOR : length;
        const bool is_new = how == 1 || (how == 2 && pick(2) == 0);
        const uint8_t *from = is_new ? now : file->synced;
        size_t from_bytes = is_new ? now_bytes : before;
        if (from_bytes > at)
            memcpy(bytes + at, from + at, (end < from_bytes ? end : from_bytes) - at);
    }
    free(now);
    *ret_bytes = length;
    return bytes;
}

static void put_back(const struct disk_name *name)
{
    char path[512];
    size_t length;
    uint8_t *bytes = mix(&disk.files[name->file], &length);
    snprintf(path, sizeof path, "%s/%s", disk.folder, name->name);
    /* A new file: what is pinned keeps its content for other names. */
    (void)unlink(path);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0 || write(fd, bytes, length) != (ssize_t)length)
        abort();
    close(fd);
    free(bytes);
}

void queue_disk_cut_power(void)
{
    struct disk_names *now = malloc(sizeof *now), *left = malloc(sizeof *left);
    assert(now != NULL && left != NULL);
    list_names(now);
    left->count = 0;
    for (size_t i = 0; i < now->count; i++) {
        const struct disk_name *before = find_name(&disk.durable, now->items[i].name);
        if (before != NULL && pick(2) == 0)
            left->items[left->count++] = *before;
        else if (before != NULL || pick(2) == 0)
            left->items[left->count++] = now->items[i];
    }
    for (size_t i = 0; i < disk.durable.count; i++)
        if (find_name(now, disk.durable.items[i].name) == NULL && pick(2) == 0)
            left->items[left->count++] = disk.durable.items[i];
    for (size_t i = 0; i < now->count; i++) {
        char path[512];
        snprintf(path, sizeof path, "%s/%s", disk.folder, now->items[i].name);
        (void)unlink(path);
    }
    for (size_t i = 0; i < left->count; i++)
        put_back(&left->items[i]);
    free(now);
    free(left);
    disk.boot++;
    all_is_durable();
}

/* --- Calls --- */

void queue_disk_fail(int calls, bool for_ever)
{
    disk.fail_after = calls;
    disk.fails_for_ever = for_ever;
    disk.folder_sync_fails = disk.has_failed = false;
}

void queue_disk_fail_folder_sync(void)
{
    disk.folder_sync_fails = true;
}

bool queue_disk_has_failed(void)
{
    return disk.has_failed;
}

static bool is_to_fail(void)
{
    static const int errors[] = {EIO, ENOSPC, EMFILE, EACCES, ENOMEM};
    if (disk.fail_after < 0)
        return false;
    if (disk.fail_after > 0) {
        disk.fail_after--;
        return false;
    }
    if (!disk.fails_for_ever)
        disk.fail_after = -1;
    disk.has_failed = true;
    errno = errors[pick(sizeof errors / sizeof *errors)];
    return true;
}

// NOLINTBEGIN(bugprone-reserved-identifier)

int __wrap_openat64(int folder_fd, const char *path, int flags, ...);
int __wrap_openat64(int folder_fd, const char *path, int flags, ...)
{
    char boot_path[512];
    if (strcmp(path, "/proc/sys/kernel/random/boot_id") == 0) {
        snprintf(boot_path, sizeof boot_path, "%s.boot", disk.folder);
        FILE *file = fopen(boot_path, "we");
        assert(file != NULL);
        fprintf(file, "%032llx\n", (unsigned long long)disk.boot);
        fclose(file);
        path = boot_path;
    } else if (is_to_fail()) {
        return -1;
    }
    /* Whose inode is known from its beginning. */
    int fd = __real_openat64(folder_fd, path, flags, 0600);
    struct stat status;
    if (fd >= 0 && path != boot_path && fstat(fd, &status) == 0 && S_ISREG(status.st_mode))
        (void)find_file(fd);
    return fd;
}

ssize_t __wrap_pread64(int fd, void *to, size_t length, off_t offset);
ssize_t __wrap_pread64(int fd, void *to, size_t length, off_t offset)
{
    return is_to_fail() ? -1 : __real_pread64(fd, to, length, offset);
}

ssize_t __wrap_pwritev64(int fd, const struct iovec *pieces, int count, off_t offset);
ssize_t __wrap_pwritev64(int fd, const struct iovec *pieces, int count, off_t offset)
{
    if (!is_to_fail())
        return __real_pwritev64(fd, pieces, count, offset);
    /* Some is written, and the next call says why no more. */
    struct iovec some = pieces[0];
    some.iov_len = pick((unsigned)some.iov_len + 1);
    if (some.iov_len == 0)
        return -1;
    disk.fail_after = 0;
    return __real_pwritev64(fd, &some, 1, offset);
}

int __wrap_ftruncate64(int fd, off_t length);
int __wrap_ftruncate64(int fd, off_t length)
{
    return is_to_fail() ? -1 : __real_ftruncate64(fd, length);
}

int __wrap_renameat(int old_fd, const char *old, int new_fd, const char *new_name);
int __wrap_renameat(int old_fd, const char *old, int new_fd, const char *new_name)
{
    return is_to_fail() ? -1 : __real_renameat(old_fd, old, new_fd, new_name);
}

int __wrap_unlinkat(int folder_fd, const char *name, int flags);
int __wrap_unlinkat(int folder_fd, const char *name, int flags)
{
    return is_to_fail() ? -1 : __real_unlinkat(folder_fd, name, flags);
}

int __wrap_fdatasync(int fd);
int __wrap_fdatasync(int fd)
{
    if (is_to_fail())
        return -1;
    note_synced(&disk.files[find_file(fd)]);
    return 0;
}

int __wrap_fsync(int fd);
int __wrap_fsync(int fd)
{
    struct stat of_fd, of_folder;
    const bool is_folder = fstat(fd, &of_fd) == 0 && stat(disk.folder, &of_folder) == 0 &&
                           of_fd.st_ino == of_folder.st_ino;
    if (is_folder && disk.folder_sync_fails) {
        disk.folder_sync_fails = false;
        disk.has_failed = true;
        errno = EIO;
        return -1;
    }
    if (is_to_fail())
        return -1;
    if (is_folder)
        list_names(&disk.durable);
    return 0;
}

// NOLINTEND(bugprone-reserved-identifier)
