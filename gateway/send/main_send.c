/* ingest-send - sends files, line protocol, this host's sensors or a cosine to ingestd. */
#include "log.h"
#include "send.h"
#include "standard_streams.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

/* A source without an end waits out a daemon that is away. */
static bool is_live(const struct send_options *options)
{
    if (options->input == SEND_HOST)
        return true;
    if (options->input == SEND_COSINE)
        return !options->has_t0;
    if (options->input == SEND_DRAIN || options->input == SEND_LETTERS)
        return false;
    return strcmp(options->file, "-") == 0;
}

/* A mistake in the file's name is told before waiting for a daemon. */
static int check_readable(const char *file)
{
    if (file == NULL || strcmp(file, "-") == 0 || access(file, R_OK) == 0)
        return EX_OK;
    return send_fail(EX_NOINPUT, "%s: %s", file, strerror(errno));
}

int main(int argc, char **argv)
{
    standard_streams_take();
    log_open("ingest-send");
    /* Who reads our output may go away; the samples are sent all the same. */
    signal(SIGPIPE, SIG_IGN);
    struct send_options options;
    int status = send_options_parse(argc, argv, &options);
    if (status >= 0)
        return status;

    status = check_readable(options.file);
    if (status == EX_OK)
        status = check_readable(options.times_file);
    if (status != EX_OK)
        return status;

    struct sender *sender;
    status = sender_open(&options, is_live(&options), &sender);
    if (status != EX_OK)
        return status;
    switch (options.input) {
    case SEND_NPY:
    case SEND_RAW:
        status = send_array(&options, sender);
        break;
    case SEND_CSV:
        status = send_csv(&options, sender);
        break;
    case SEND_LINES:
        status = send_lines(&options, sender);
        break;
    case SEND_HOST:
        status = send_host(&options, sender);
        break;
    case SEND_DRAIN:
        break;
    case SEND_LETTERS:
        status = sender_resend(sender);
        break;
    case SEND_COSINE:
        status = send_cosine(&options, sender);
        break;
    }
    return sender_close(sender, status);
}
