#include "queue_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

static int open_at(int folder_fd, const char *name, int flags, int *ret_fd)
{
    int fd = -1;
    do
        fd = openat(folder_fd, name, flags | O_CLOEXEC, 0600);
    while (fd < 0 && errno == EINTR);
    if (fd < 0)
        return -errno;
    *ret_fd = fd;
    return 0;
}

void queue_close(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

int queue_folder_sync(int folder_fd)
{
    int result;
    do
        result = fsync(folder_fd);
    while (result != 0 && errno == EINTR);
    return result == 0 || errno == EINVAL || errno == ENOTSUP ? 0 : -errno;
}

/* The folder that holds `path`, whose entry is to become durable. */
static int sync_parent(int folder_fd, const char *path)
{
    char parent[PATH_MAX];
    size_t length = strlen(path);
    if (length >= sizeof parent)
        return -ENAMETOOLONG;
    memcpy(parent, path, length + 1);
    while (length > 1 && parent[length - 1] == '/')
        parent[--length] = '\0';
    char *slash = strrchr(parent, '/');
    if (slash == NULL)
        memcpy(parent, ".", 2);
    else
        slash[slash == parent] = '\0';
    int fd = -1;
    int result = open_at(folder_fd, parent, O_RDONLY | O_DIRECTORY, &fd);
    if (result < 0)
        return result;
    result = queue_folder_sync(fd);
    close(fd);
    return result;
}

int queue_folder_open_at(int folder_fd, const char *name, int *ret_fd)
{
    if (mkdirat(folder_fd, name, 0700) == 0) {
        int result = sync_parent(folder_fd, name);
        if (result < 0)
            return result;
    } else if (errno != EEXIST) {
        int error = errno;
        /* Of a folder on a read-only file system it is better said that it cannot be written. */
        if (error != EROFS || faccessat(folder_fd, name, F_OK, 0) != 0)
            return -error;
    }
    return open_at(folder_fd, name, O_RDONLY | O_DIRECTORY, ret_fd);
}

int queue_folder_open(const char *path, int *ret_fd)
{
    return queue_folder_open_at(AT_FDCWD, path, ret_fd);
}

int queue_folder_lock(int folder_fd, int *ret_fd)
{
    int fd = -1;
    int result = open_at(folder_fd, "LOCK", O_RDWR | O_CREAT, &fd);
    if (result < 0)
        return result;
    while (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        int error = errno;
        if (error == EINTR)
            continue;
        close(fd);
        return error == EWOULDBLOCK ? -EBUSY : -error;
    }
    *ret_fd = fd;
    return 0;
}

int queue_folder_list(int folder_fd, int (*visit)(const char *name, void *context), void *context)
{
    int fd = -1;
    int result = open_at(folder_fd, ".", O_RDONLY | O_DIRECTORY, &fd);
    if (result < 0)
        return result;
    DIR *folder = fdopendir(fd);
    if (folder == NULL) {
        result = -errno;
        close(fd);
        return result;
    }
    while (result >= 0) {
        errno = 0;
        const struct dirent *entry = readdir(folder);
        if (entry == NULL) {
            result = -errno;
            break;
        }
        if (entry->d_name[0] != '.')
            result = visit(entry->d_name, context);
    }
    closedir(folder);
    return result;
}

int queue_file_create(int folder_fd, const char *name, const void *head, size_t head_bytes,
                      const void *body, size_t body_bytes, int *ret_fd)
{
    char unfinished[NAME_MAX + 1];
    snprintf(unfinished, sizeof unfinished, "%s" QUEUE_UNFINISHED, name);
    int fd = -1;
    int result = open_at(folder_fd, unfinished, O_RDWR | O_CREAT | O_TRUNC, &fd);
    if (result < 0)
        return result;
    result = queue_file_write(fd, 0, head, head_bytes, body, body_bytes);
    if (result == 0)
        result = queue_file_sync(fd);
    if (result == 0 && renameat(folder_fd, unfinished, folder_fd, name) != 0)
        result = -errno;
    if (result < 0) {
        (void)unlinkat(folder_fd, unfinished, 0);
        close(fd);
        return result;
    }
    if (ret_fd != NULL)
        *ret_fd = fd;
    else
        close(fd);
    return queue_folder_sync(folder_fd);
}

int queue_file_open(int folder_fd, const char *name, bool for_writing, int *ret_fd)
{
    /* Neither what another user put in the way is followed, nor is a pipe waited for. */
    int flags = (for_writing ? O_RDWR : O_RDONLY) | O_NOFOLLOW | O_NONBLOCK;
    int result = open_at(folder_fd, name, flags, ret_fd);
    if (result < 0)
        return result;
    struct stat status;
    if (fstat(*ret_fd, &status) != 0)
        result = -errno;
    else if (!S_ISREG(status.st_mode))
        result = -EBADMSG;
    if (result < 0)
        queue_close(ret_fd);
    return result;
}

int queue_file_length(int fd, uint64_t *ret_bytes)
{
    struct stat status;
    if (fstat(fd, &status) != 0)
        return -errno;
    *ret_bytes = (uint64_t)status.st_size;
    return 0;
}

int queue_file_rename(int folder_fd, const char *name, const char *new_name)
{
    return renameat(folder_fd, name, folder_fd, new_name) == 0 ? 0 : -errno;
}

int queue_file_remove(int folder_fd, const char *name)
{
    return unlinkat(folder_fd, name, 0) == 0 || errno == ENOENT ? 0 : -errno;
}

int queue_file_sync(int fd)
{
    int result;
    do
        result = fdatasync(fd);
    while (result != 0 && errno == EINTR);
    return result == 0 ? 0 : -errno;
}

int queue_file_cut(int fd, uint64_t length)
{
    int result;
    do
        result = ftruncate(fd, (off_t)length);
    while (result != 0 && errno == EINTR);
    return result == 0 ? 0 : -errno;
}

int queue_file_write(int fd, uint64_t offset, const void *head, size_t head_bytes, const void *body,
                     size_t body_bytes)
{
    size_t done = 0;
    while (done < head_bytes + body_bytes) {
        struct iovec pieces[2];
        int count = 0;
        if (done < head_bytes)
            // NOLINTNEXTLINE(performance-no-int-to-ptr): iovec is for reading, too
            pieces[count++] = (struct iovec){.iov_base = (uint8_t *)(uintptr_t)head + done,
                                             .iov_len = head_bytes - done};
        size_t body_done = done > head_bytes ? done - head_bytes : 0;
        if (body_done < body_bytes)
            // NOLINTNEXTLINE(performance-no-int-to-ptr)
            pieces[count++] = (struct iovec){.iov_base = (uint8_t *)(uintptr_t)body + body_done,
                                             .iov_len = body_bytes - body_done};
        ssize_t written = pwritev(fd, pieces, count, (off_t)(offset + done));
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return -errno;
        if (written == 0)
            return -ENOSPC;
        done += (size_t)written;
    }
    return 0;
}

int queue_file_read(int fd, uint64_t offset, void *to, size_t length)
{
    size_t done = 0;
    while (done < length) {
        ssize_t got = pread(fd, (uint8_t *)to + done, length - done, (off_t)(offset + done));
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -errno;
        if (got == 0)
            return -ENODATA;
        done += (size_t)got;
    }
    return 0;
}
