#include "input_stream.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

int input_open(const char *file, struct input_stream *ret_stream)
{
    if (strcmp(file, "-") == 0) {
        *ret_stream = (struct input_stream){.name = "standard input", .fd = STDIN_FILENO};
        return 0;
    }
    int fd = open(file, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return send_fail(EX_NOINPUT, "%s: %s", file, strerror(errno));
    *ret_stream = (struct input_stream){.name = file, .fd = fd};
    return 0;
}

void input_close(struct input_stream *stream)
{
    if (stream->fd > STDIN_FILENO)
        close(stream->fd);
    stream->fd = -1;
}

int input_read(struct input_stream *stream, struct sender *sender, int64_t until_ns, void *buffer,
               size_t capacity, size_t *ret_length)
{
    *ret_length = 0;
    while (!stream->is_end) {
        int status = sender_wait(sender, stream->fd, until_ns);
        if (status != 0)
            return status;
        ssize_t length = read(stream->fd, buffer, capacity);
        if (length > 0) {
            *ret_length = (size_t)length;
            return 0;
        }
        if (length == 0)
            stream->is_end = true;
        else if (errno != EINTR && errno != EAGAIN)
            return send_fail(EX_IOERR, "%s: %s", stream->name, strerror(errno));
    }
    return 0;
}

int input_read_full(struct input_stream *stream, struct sender *sender, int64_t until_ns,
                    void *buffer, size_t capacity, size_t *ret_length)
{
    size_t used = 0;
    int status = 0;
    while (used < capacity && !stream->is_end && status == 0) {
        size_t length;
        status =
            input_read(stream, sender, until_ns, (char *)buffer + used, capacity - used, &length);
        used += length;
    }
    *ret_length = used;
    return status;
}
