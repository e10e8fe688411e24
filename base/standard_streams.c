#include "standard_streams.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

void standard_streams_take(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
        if (fcntl(fd, F_GETFD) >= 0)
            continue;
        /* The lowest number that is free is this one. Nothing can be read from standard input, nor
         * written to the others. */
        int flags = fd == STDIN_FILENO ? O_WRONLY : O_RDONLY;
        if (open("/dev/null", flags) != fd) // NOLINT(android-cloexec-open)
            abort();
    }
}

int standard_output_flush(void)
{
    errno = 0;
    if (fflush(stdout) == 0 && ferror(stdout) == 0)
        return 0;
    if (errno == EPIPE)
        return 0;
    return errno != 0 ? -errno : -EIO;
}
