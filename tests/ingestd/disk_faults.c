/* disk_faults.c - loaded before libc into a daemon under test: makes a disk, or the system, fail
 * while the file that $DISK_FAULT_WHILE names is there. $DISK_FAULT says how: "sync" (an
 * input/output error), "slow" (a sync takes half a second), "slow-rename" (a rename takes 5 ms),
 * "space" (no space left), "journal-space" (none for the journal), "rights" (nobody may open a
 * values.npy), "kill" (the process is killed as it removes its fourth file), "maps" (no mapping of
 * a file) or "clock" (the clock is so many nanoseconds ahead as the file says). */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

static bool fault_is(const char *kind)
{
    const char *wanted = getenv("DISK_FAULT");
    const char *path = getenv("DISK_FAULT_WHILE");
    return wanted != NULL && path != NULL && strcmp(wanted, kind) == 0 && access(path, F_OK) == 0;
}

static int fail_with(int code)
{
    errno = code;
    return -1;
}

/* A function pointer out of dlsym()'s data pointer, as POSIX allows and ISO C does not. */
#define NEXT(variable, name)                                                                       \
    do {                                                                                           \
        void *found = dlsym(RTLD_NEXT, name);                                                      \
        memcpy(&(variable), &found, sizeof(variable));                                             \
    } while (0)

static void fault_delay(void)
{
    if (fault_is("slow"))
        usleep(500000);
}

int fdatasync(int fd)
{
    int (*next)(int);
    if (fault_is("sync"))
        return fail_with(EIO);
    fault_delay();
    NEXT(next, "fdatasync");
    return next(fd);
}

int syncfs(int fd)
{
    int (*next)(int);
    if (fault_is("sync"))
        return fail_with(EIO);
    fault_delay();
    NEXT(next, "syncfs");
    return next(fd);
}

int renameat(int old_folder, const char *old_path, int new_folder, const char *new_path)
{
    int (*next)(int, const char *, int, const char *);
    if (fault_is("slow-rename"))
        usleep(5000);
    NEXT(next, "renameat");
    return next(old_folder, old_path, new_folder, new_path);
}

int openat(int folder, const char *path, int flags, ...)
{
    static const char name[] = "/values.npy";
    int (*next)(int, const char *, int, ...);
    size_t length = strlen(path);
    va_list arguments;
    va_start(arguments, flags);
    mode_t mode = (flags & O_CREAT) != 0 ? va_arg(arguments, mode_t) : 0;
    va_end(arguments);
    if (length >= sizeof name && strcmp(path + length - sizeof name + 1, name) == 0 &&
        fault_is("rights"))
        return fail_with(EACCES);
    NEXT(next, "openat");
    return next(folder, path, flags, mode);
}

int openat64(int folder, const char *path, int flags, ...) __attribute__((alias("openat")));

int unlinkat(int folder, const char *path, int flags)
{
    static int count;
    int (*next)(int, const char *, int);
    if (fault_is("kill") && ++count == 4)
        raise(SIGKILL);
    NEXT(next, "unlinkat");
    return next(folder, path, flags);
}

int fallocate(int fd, int mode, off_t offset, off_t length)
{
    int (*next)(int, int, off_t, off_t);
    if (fault_is("space"))
        return fail_with(ENOSPC);
    NEXT(next, "fallocate");
    return next(fd, mode, offset, length);
}

int fallocate64(int fd, int mode, off64_t offset, off64_t length)
{
    return fallocate(fd, mode, offset, length);
}

static bool is_journal(int fd)
{
    char link[64];
    char path[512];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    path[length < 0 ? 0 : length] = '\0';
    return strstr(path, "/journal-") != NULL;
}

ssize_t pwrite(int fd, const void *bytes, size_t length, off_t offset)
{
    ssize_t (*next)(int, const void *, size_t, off_t);
    if (fault_is("journal-space") && is_journal(fd))
        return fail_with(ENOSPC);
    NEXT(next, "pwrite");
    return next(fd, bytes, length, offset);
}

ssize_t pwrite64(int fd, const void *bytes, size_t length, off64_t offset)
{
    return pwrite(fd, bytes, length, offset);
}

void *mmap(void *address, size_t length, int protection, int flags, int fd, off_t offset)
{
    void *(*next)(void *, size_t, int, int, int, off_t);
    if (fd >= 0 && (flags & MAP_SHARED) != 0 && fault_is("maps")) {
        errno = ENOMEM;
        return MAP_FAILED;
    }
    NEXT(next, "mmap");
    return next(address, length, protection, flags, fd, offset);
}

void *mmap64(void *address, size_t length, int protection, int flags, int fd, off64_t offset)
{
    return mmap(address, length, protection, flags, fd, offset);
}

/* Nanoseconds by which the clock is ahead. */
static long long clock_ahead_ns(void)
{
    char text[32] = "";
    const char *path = getenv("DISK_FAULT_WHILE");
    if (path == NULL || !fault_is("clock"))
        return 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t length = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    if (fd >= 0)
        close(fd);
    return length > 0 ? strtoll(text, NULL, 10) : 0;
}

int clock_gettime(clockid_t clock, struct timespec *ret_time)
{
    int (*next)(clockid_t, struct timespec *);
    NEXT(next, "clock_gettime");
    int result = next(clock, ret_time);
    long long ahead_ns = result == 0 && clock == CLOCK_REALTIME ? clock_ahead_ns() : 0;
    if (ahead_ns == 0)
        return result;
    long long ns = ret_time->tv_sec * 1000000000LL + ret_time->tv_nsec + ahead_ns;
    ret_time->tv_sec = (time_t)(ns / 1000000000);
    ret_time->tv_nsec = (long)(ns % 1000000000);
    return 0;
}
