/* disk_faults.c - loaded before libc into a daemon under test: makes a disk fail while the file
 * that $DISK_FAULT_WHILE names is there. $DISK_FAULT says how: "sync" (an input/output error),
 * "slow" (a sync takes half a second), "slow-rename" (a rename takes 5 ms), "space" (no space
 * left), "rights" (nobody may open a values.npy) or "kill" (the process is killed as it removes
 * its fourth file). */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
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
