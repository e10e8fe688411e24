#include "store_lock.h"

#include "file_system.h"
#include "store_format.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int store_lock_take(int folder, const char *path, int *ret_fd, struct error_text *error)
{
    char text[32];
    int fd = fs_open_or_create_at(folder, STORE_LOCK_FILE);
    int result = fd < 0 ? fd : fs_lock_try(fd);
    if (result == -EWOULDBLOCK) {
        if (fs_read_text_at(folder, STORE_LOCK_FILE, text, sizeof text) < 0)
            text[0] = '\0';
        text[strcspn(text, "\n")] = '\0';
        fs_close(fd);
        return error_set(error, result, "%s is in use by process %s", path,
                         text[0] != '\0' ? text : "(unknown)");
    }
    if (result == 0) {
        int length = snprintf(text, sizeof text, "%ld\n", (long)getpid());
        result = fs_write_at(fd, text, (size_t)length, 0);
    }
    if (result < 0) {
        fs_close(fd);
        return error_set_errno(error, result, "cannot lock %s/%s", path, STORE_LOCK_FILE);
    }
    *ret_fd = fd;
    return 0;
}
