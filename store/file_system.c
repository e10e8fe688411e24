#include "file_system.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <unistd.h>

#define FOLDER_MODE 0750
#define FILE_MODE   0640
#define FS_EXTENTS  32

/* glibc 2.35 has them, older kernel headers may not. */
#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22
#endif
#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

// NOLINTNEXTLINE(misc-redundant-expression): the header spares its readers fcntl.h
_Static_assert(FS_HERE == AT_FDCWD, "FS_HERE is AT_FDCWD");

/* Repeats a call that a signal interrupted; `result` is then its value or the negative errno. */
#define FS_RETRY(result, call)                                                                     \
    do                                                                                             \
        (result) = (call) < 0 ? -errno : 0;                                                        \
    while ((result) == -EINTR)

static int open_at(int folder, const char *path, int flags)
{
    int fd;
    do
        fd = openat(folder, path, flags | O_CLOEXEC, FILE_MODE);
    while (fd < 0 && errno == EINTR);
    return fd < 0 ? -errno : fd;
}

/* A FIFO in a file's place fails here, and not in a sync, which would be taken for a failing disk.
 */
static int open_file_at(int folder, const char *path, int flags)
{
    struct stat status;
    int fd = open_at(folder, path, flags | O_NOCTTY);
    if (fd < 0)
        return fd;
    int result = fstat(fd, &status) < 0 ? -errno : 0;
    if (result == 0 && !S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode))
        result = -EBADMSG;
    if (result == 0)
        return fd;
    fs_close(fd);
    return result;
}

int fs_open_read_at(int folder, const char *path)
{
    /* Reading alone would wait for a FIFO's other end. */
    return open_file_at(folder, path, O_RDONLY | O_NONBLOCK);
}

int fs_open_write_at(int folder, const char *path)
{
    return open_file_at(folder, path, O_RDWR);
}

int fs_open_or_create_at(int folder, const char *path)
{
    return open_file_at(folder, path, O_RDWR | O_CREAT);
}

int fs_create_at(int folder, const char *path)
{
    return open_at(folder, path, O_RDWR | O_CREAT | O_EXCL);
}

int fs_open_folder_at(int folder, const char *path)
{
    return open_at(folder, path, O_RDONLY | O_DIRECTORY);
}

void fs_close(int fd)
{
    /* Linux frees the descriptor even when close() is interrupted; what was written is synced
     * before. */
    if (fd >= 0)
        (void)close(fd);
}

static void status_from_system(const struct stat *from, struct fs_status *ret_status)
{
    *ret_status = (struct fs_status){
        .size_bytes = (uint64_t)from->st_size,
        .allocated_bytes = (uint64_t)from->st_blocks * 512,
        .inode = (uint64_t)from->st_ino,
        .device = (uint64_t)from->st_dev,
        .links = (uint64_t)from->st_nlink,
        .is_file = S_ISREG(from->st_mode),
        .is_folder = S_ISDIR(from->st_mode),
    };
}

int fs_stat(int fd, struct fs_status *ret_status)
{
    struct stat status;
    if (fstat(fd, &status) < 0)
        return -errno;
    status_from_system(&status, ret_status);
    return 0;
}

int fs_stat_at(int folder, const char *path, struct fs_status *ret_status)
{
    struct stat status;
    if (fstatat(folder, path, &status, AT_SYMLINK_NOFOLLOW) < 0)
        return -errno;
    status_from_system(&status, ret_status);
    return 0;
}

int fs_read_at(int fd, void *buffer, size_t length_bytes, uint64_t offset, size_t *ret_read_bytes)
{
    size_t done_bytes = 0;
    while (done_bytes < length_bytes) {
        ssize_t got = pread(fd, (char *)buffer + done_bytes, length_bytes - done_bytes,
                            (off_t)(offset + done_bytes));
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -errno;
        if (got == 0)
            break;
        done_bytes += (size_t)got;
    }
    *ret_read_bytes = done_bytes;
    return 0;
}

int fs_write_at(int fd, const void *bytes, size_t length_bytes, uint64_t offset)
{
    size_t done_bytes = 0;
    while (done_bytes < length_bytes) {
        ssize_t put = pwrite(fd, (const char *)bytes + done_bytes, length_bytes - done_bytes,
                             (off_t)(offset + done_bytes));
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return -errno;
        done_bytes += (size_t)put;
    }
    return 0;
}

static char zeros[FS_ZEROS_MAX]; /* not const: so it takes no room in the program */

int fs_write_padded_at(int fd, const void *bytes, size_t length_bytes, size_t zeros_bytes,
                       uint64_t offset)
{
    assert(zeros_bytes <= sizeof zeros);
    /* Both in one call, which makes the pages of both together; the rest of a short one follows. */
    // NOLINTNEXTLINE(performance-no-int-to-ptr): iovec is for reading, too
    struct iovec parts[] = {{.iov_base = (void *)(uintptr_t)bytes, .iov_len = length_bytes},
                            {.iov_base = zeros, .iov_len = zeros_bytes}};
    ssize_t put;
    do
        put = pwritev(fd, parts, 2, (off_t)offset);
    while (put < 0 && errno == EINTR);
    if (put < 0)
        return -errno;
    size_t done_bytes = (size_t)put;
    if (done_bytes < length_bytes)
        return fs_write_at(fd, (const char *)bytes + done_bytes, length_bytes - done_bytes,
                           offset + done_bytes);
    return 0;
}

int fs_write_zeros_at(int fd, uint64_t length_bytes, uint64_t offset)
{
    int result = 0;
    while (length_bytes > 0 && result == 0) {
        size_t piece_bytes = length_bytes < sizeof zeros ? (size_t)length_bytes : sizeof zeros;
        result = fs_write_at(fd, zeros, piece_bytes, offset);
        offset += piece_bytes;
        length_bytes -= piece_bytes;
    }
    return result;
}

int fs_read_text_at(int folder, const char *path, char *buffer, size_t buffer_bytes)
{
    int fd = fs_open_read_at(folder, path);
    if (fd < 0)
        return fd;
    size_t read_bytes = 0;
    int result = fs_read_at(fd, buffer, buffer_bytes, 0, &read_bytes);
    fs_close(fd);
    if (result < 0)
        return result;
    if (read_bytes == buffer_bytes)
        return -EFBIG;
    buffer[read_bytes] = '\0';
    return 0;
}

int fs_map_part(int fd, uint64_t offset, size_t length_bytes, enum fs_access access,
                void **ret_address)
{
    int protection = access == FS_READ ? PROT_READ : PROT_READ | PROT_WRITE;
    /* Of a copy, memory is taken for what is stored to, however long the file is. */
    int flags = access == FS_COPY ? MAP_PRIVATE | MAP_NORESERVE : MAP_SHARED;
    void *address = mmap(NULL, length_bytes, protection, flags, fd, (off_t)offset);
    if (address == MAP_FAILED)
        return -errno;
    *ret_address = address;
    return 0;
}

int fs_map(int fd, size_t length_bytes, enum fs_access access, void **ret_address)
{
    void *address = NULL;
    int result = fs_map_part(fd, 0, length_bytes, access, &address);
    if (result < 0)
        return result;
    /* Pages that come in one by one are small ones: where the kernel reads ahead it takes large
     * pages, and whatever is dirtied in one of them later is written out whole. */
    if (access == FS_WRITE)
        (void)madvise(address, length_bytes, MADV_RANDOM);
    *ret_address = address;
    return 0;
}

void fs_unmap(void *address, size_t length_bytes)
{
    if (address != NULL)
        (void)munmap(address, length_bytes);
}

int fs_sync_map(void *address, size_t length_bytes)
{
    int result;
    FS_RETRY(result, msync(address, length_bytes, MS_SYNC));
    return result;
}

void fs_drop_pages(void *address, size_t length_bytes)
{
    (void)madvise(address, length_bytes, MADV_DONTNEED);
}

int fs_map_zeros_over(void *page, size_t length_bytes)
{
    void *address = mmap(page, length_bytes, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    return address == MAP_FAILED ? -errno : 0;
}

size_t fs_page_bytes(void)
{
    return (size_t)sysconf(_SC_PAGESIZE);
}

static int advise(char *address, size_t length_bytes, int advice)
{
    size_t into_page_bytes = (uintptr_t)address & (fs_page_bytes() - 1);
    int result;
    FS_RETRY(result, madvise(address - into_page_bytes, length_bytes + into_page_bytes, advice));
    return result;
}

int fs_populate_write(void *address, size_t length_bytes)
{
    return advise(address, length_bytes, MADV_POPULATE_WRITE);
}

int fs_populate_read(const void *address, size_t length_bytes)
{
    /* madvise() takes a pointer to writable memory for every kind of advice. */
    // NOLINTNEXTLINE(performance-no-int-to-ptr)
    return advise((char *)(uintptr_t)address, length_bytes, MADV_POPULATE_READ);
}

int fs_allocate(int fd, uint64_t offset, uint64_t length_bytes)
{
    int result;
    FS_RETRY(result, fallocate(fd, 0, (off_t)offset, (off_t)length_bytes));
    return result;
}

int fs_extend(int fd, uint64_t size_bytes)
{
    struct fs_status status = {0};
    int result = fs_stat(fd, &status);
    if (result < 0 || status.size_bytes >= size_bytes)
        return result;
    FS_RETRY(result, ftruncate(fd, (off_t)size_bytes));
    return result;
}

int fs_find_unwritten(int fd, uint64_t begin, uint64_t end, uint64_t *ret_begin, uint64_t *ret_end)
{
    union {
        struct fiemap map;
        char bytes[sizeof(struct fiemap) + FS_EXTENTS * sizeof(struct fiemap_extent)];
    } request;
    while (begin < end) {
        memset(&request, 0, sizeof request);
        request.map.fm_start = begin;
        request.map.fm_length = end - begin;
        request.map.fm_extent_count = FS_EXTENTS;
        int result;
        FS_RETRY(result, ioctl(fd, FS_IOC_FIEMAP, &request.map));
        if (result == -EOPNOTSUPP || result == -ENOTTY)
            return 0;
        if (result < 0)
            return result;
        if (request.map.fm_mapped_extents == 0)
            return 0;
        for (uint32_t i = 0; i < request.map.fm_mapped_extents; i++) {
            const struct fiemap_extent *extent = &request.map.fm_extents[i];
            uint64_t extent_end = extent->fe_logical + extent->fe_length;
            if ((extent->fe_flags & FIEMAP_EXTENT_UNWRITTEN) != 0) {
                *ret_begin = extent->fe_logical > begin ? extent->fe_logical : begin;
                *ret_end = extent_end;
                return 1;
            }
            begin = extent_end;
        }
    }
    return 0;
}

int fs_zero_range(int fd, uint64_t offset, uint64_t length_bytes)
{
    int result;
    FS_RETRY(result, fallocate(fd, FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE, (off_t)offset,
                               (off_t)length_bytes));
    return result;
}

int fs_sync_data(int fd)
{
    int result;
    FS_RETRY(result, fdatasync(fd));
    return result;
}

int fs_sync_folder(int fd)
{
    int result;
    FS_RETRY(result, fsync(fd));
    return result;
}

int fs_sync_file_system(int fd)
{
    int result;
    FS_RETRY(result, syncfs(fd));
    /* XFS flushes the disk's write cache with its log alone: where that had nothing to write, the
     * data may still be in there. That of a file is flushed whether it changed or not. */
    return result == 0 ? fs_sync_data(fd) : result;
}

int fs_make_folder_at(int folder, const char *path)
{
    return mkdirat(folder, path, FOLDER_MODE) < 0 ? -errno : 0;
}

int fs_make_folders(int folder, const char *path)
{
    char part[PATH_MAX];
    size_t length = strlen(path);
    if (length >= sizeof part)
        return -ENAMETOOLONG;
    memcpy(part, path, length + 1);
    for (char *end = part + 1;; end++) {
        if (*end != '/' && *end != '\0')
            continue;
        bool is_last = *end == '\0';
        *end = '\0';
        if (mkdirat(folder, part, FOLDER_MODE) < 0) {
            int result = -errno;
            struct stat status;
            /* A folder that is there may also answer EROFS or EACCES to mkdir(). */
            if (fstatat(folder, part, &status, 0) < 0)
                return result == -EEXIST ? -errno : result;
            if (!S_ISDIR(status.st_mode))
                return result == -EEXIST ? -ENOTDIR : result;
        }
        if (is_last)
            return 0;
        *end = '/';
    }
}

int fs_remove_at(int folder, const char *path)
{
    return unlinkat(folder, path, 0) < 0 ? -errno : 0;
}

int fs_remove_folder_at(int folder, const char *path)
{
    int result = unlinkat(folder, path, AT_REMOVEDIR) < 0 ? -errno : 0;
    return result == -EEXIST ? -ENOTEMPTY : result;
}

int fs_rename_at(int folder, const char *from, const char *to)
{
    return renameat(folder, from, folder, to) < 0 ? -errno : 0;
}

int fs_link_at(int folder, const char *from, const char *to)
{
    return linkat(folder, from, folder, to, 0) < 0 ? -errno : 0;
}

static bool entry_is_folder(int folder, const struct dirent *entry)
{
    if (entry->d_type != DT_UNKNOWN)
        return entry->d_type == DT_DIR;
    struct fs_status status = {0};
    return fs_stat_at(folder, entry->d_name, &status) == 0 && status.is_folder;
}

int fs_for_each_entry(int folder, const char *path,
                      int (*visit)(const char *entry, bool is_folder, void *context), void *context)
{
    int fd = fs_open_folder_at(folder, path);
    if (fd < 0)
        return fd;
    DIR *stream = fdopendir(fd);
    if (stream == NULL) {
        int result = -errno;
        fs_close(fd);
        return result;
    }
    int result = 0;
    while (result == 0) {
        errno = 0;
        const struct dirent *entry = readdir(stream);
        if (entry == NULL) {
            result = -errno; /* 0 at the end of the folder */
            break;
        }
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            result = visit(entry->d_name, entry_is_folder(fd, entry), context);
    }
    closedir(stream);
    return result;
}

int fs_space(int fd, uint64_t *ret_free_bytes, uint64_t *ret_total_bytes)
{
    struct statvfs space;
    int result;
    FS_RETRY(result, fstatvfs(fd, &space));
    if (result < 0)
        return result;
    *ret_free_bytes = (uint64_t)space.f_bavail * space.f_frsize;
    *ret_total_bytes = (uint64_t)space.f_blocks * space.f_frsize;
    return 0;
}

uint64_t fs_open_files_max(void)
{
    struct rlimit limit;
    return getrlimit(RLIMIT_NOFILE, &limit) == 0 ? (uint64_t)limit.rlim_cur : 0;
}

int fs_lock_try(int fd)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    int result;
    FS_RETRY(result, fcntl(fd, F_OFD_SETLK, &lock));
    return result == -EACCES || result == -EAGAIN ? -EWOULDBLOCK : result;
}

int fs_lock_probe(int fd, bool *ret_is_locked)
{
    /* Asking for a read lock is answered on a descriptor opened for reading, and a writer's lock is
     * in its way. */
    struct flock lock = {.l_type = F_RDLCK, .l_whence = SEEK_SET};
    int result;
    FS_RETRY(result, fcntl(fd, F_OFD_GETLK, &lock));
    if (result == 0)
        *ret_is_locked = lock.l_type != F_UNLCK;
    return result;
}
