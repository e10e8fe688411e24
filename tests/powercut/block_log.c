/* block_log IMAGE LOG FOLDER [-f ...]: a file system with three files.
 *
 *   disk     IMAGE, for a loop device to sit on. Every write goes to IMAGE and into LOG, and so
 * does every flush: the loop device turns a flush of the disk into an fsync of its file. mark what
 * is written here goes into the same log, between the writes: what a program knew to be durable at
 * that moment. control  "eio N": from now on N writes and flushes fail, once N others were let
 * through (a failed write changes nothing and is not in the log); "eio 0": no more.
 *
 * One thread, so that the log's order is the order in which the disk saw things. The disk has a
 * write cache in effect: a write before the last flush is there, of the others nobody knows. */
#define FUSE_USE_VERSION 35
#include "block_log_format.h"

#include <errno.h>
#include <fcntl.h>
#include <fuse.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define LOG_BYTES_MAX (UINT64_C(1) << 30)

static struct {
    int image;
    int log;
    uint64_t image_bytes;
    uint64_t log_bytes;
    unsigned long fail_after; /* writes and flushes that still go well; 0: none fails or all do */
    unsigned long fail_count; /* that fail then */
} disk;

enum { FILE_NONE, FILE_FOLDER, FILE_DISK, FILE_MARK, FILE_CONTROL };

static int which(const char *path)
{
    if (strcmp(path, "/") == 0)
        return FILE_FOLDER;
    if (strcmp(path, "/disk") == 0)
        return FILE_DISK;
    if (strcmp(path, "/mark") == 0)
        return FILE_MARK;
    return strcmp(path, "/control") == 0 ? FILE_CONTROL : FILE_NONE;
}

static int log_entry(enum block_log_kind kind, const void *bytes, size_t length, uint64_t offset)
{
    static const char zeros[8];
    struct block_log_entry entry = {.kind = kind, .length = (uint32_t)length, .offset = offset};
    uint64_t padding = block_log_padded(length) - length;
    // NOLINTBEGIN(performance-no-int-to-ptr): iovec is for reading, too
    struct iovec parts[] = {{&entry, sizeof entry},
                            {(void *)(uintptr_t)bytes, length},
                            {(void *)(uintptr_t)zeros, padding}};
    // NOLINTEND(performance-no-int-to-ptr)
    uint64_t total = sizeof entry + length + padding;
    if (disk.log_bytes + total > LOG_BYTES_MAX)
        return -EIO;
    if (writev(disk.log, parts, 3) != (ssize_t)total)
        return -EIO;
    disk.log_bytes += total;
    return 0;
}

/* Whether this write or flush is one of those that fail. */
static int fails(void)
{
    if (disk.fail_after > 0) {
        disk.fail_after--;
        return 0;
    }
    if (disk.fail_count == 0)
        return 0;
    disk.fail_count--;
    return 1;
}

static int disk_getattr(const char *path, struct stat *ret_stat, struct fuse_file_info *file)
{
    (void)file;
    int file_kind = which(path);
    memset(ret_stat, 0, sizeof *ret_stat);
    if (file_kind == FILE_NONE)
        return -ENOENT;
    ret_stat->st_mode = file_kind == FILE_FOLDER ? S_IFDIR | 0700 : S_IFREG | 0600;
    ret_stat->st_nlink = 1;
    if (file_kind == FILE_DISK)
        ret_stat->st_size = (off_t)disk.image_bytes;
    return 0;
}

static int disk_open(const char *path, struct fuse_file_info *file)
{
    if (which(path) < FILE_DISK)
        return -ENOENT;
    file->direct_io = 1; /* nothing waits in a cache before it is in the log */
    return 0;
}

static int disk_truncate(const char *path, off_t length, struct fuse_file_info *file)
{
    (void)length;
    (void)file;
    return which(path) == FILE_DISK ? -EPERM : 0;
}

static int disk_read(const char *path, char *buffer, size_t length, off_t offset,
                     struct fuse_file_info *file)
{
    (void)file;
    if (which(path) != FILE_DISK)
        return 0;
    ssize_t got = pread(disk.image, buffer, length, offset);
    return got < 0 ? -errno : (int)got;
}

static int control(const char *bytes, size_t length)
{
    char text[64];
    if (length >= sizeof text)
        return -EINVAL;
    memcpy(text, bytes, length);
    text[length] = '\0';
    // NOLINTNEXTLINE(cert-err34-c): the harness writes it
    if (sscanf(text, "eio %lu after %lu", &disk.fail_count, &disk.fail_after) < 1)
        return -EINVAL;
    return (int)length;
}

static int disk_write(const char *path, const char *bytes, size_t length, off_t offset,
                      struct fuse_file_info *file)
{
    (void)file;
    int file_kind = which(path);
    if (file_kind == FILE_CONTROL)
        return control(bytes, length);
    if (file_kind == FILE_MARK) {
        int result = log_entry(BLOCK_LOG_MARK, bytes, length, 0);
        return result < 0 ? result : (int)length;
    }
    if ((uint64_t)offset + length > disk.image_bytes)
        return -ENOSPC;
    if (fails())
        return -EIO;
    if (pwrite(disk.image, bytes, length, offset) != (ssize_t)length)
        return -EIO;
    int result = log_entry(BLOCK_LOG_WRITE, bytes, length, (uint64_t)offset);
    return result < 0 ? result : (int)length;
}

static int disk_fsync(const char *path, int data_only, struct fuse_file_info *file)
{
    (void)data_only;
    (void)file;
    if (which(path) != FILE_DISK)
        return 0;
    if (fails())
        return -EIO;
    return log_entry(BLOCK_LOG_FLUSH, NULL, 0, 0);
}

static const struct fuse_operations operations = {
    .getattr = disk_getattr,
    .open = disk_open,
    .truncate = disk_truncate,
    .read = disk_read,
    .write = disk_write,
    .fsync = disk_fsync,
};

int main(int argc, char **argv)
{
    if (argc != 4) {
        fprintf(stderr, "usage: block_log IMAGE LOG FOLDER\n");
        return 64;
    }
    /* Whoever started it may be killed: nobody would unmount. */
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    disk.image = open(argv[1], O_RDWR | O_CLOEXEC);
    disk.log = open(argv[2], O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
    struct stat status;
    if (disk.image < 0 || disk.log < 0 || fstat(disk.image, &status) != 0) {
        perror("block_log");
        return 74;
    }
    disk.image_bytes = (uint64_t)status.st_size;
    char foreground[] = "-f";
    char one_thread[] = "-s";
    char *arguments[] = {argv[0], argv[3], foreground, one_thread, NULL};
    return fuse_main(4, arguments, &operations, NULL) == 0 ? 0 : 74;
}
