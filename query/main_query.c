/* ingest-query: reads the series of a store. */
#include "query_options.h"
#include "reader.h"
#include "standard_streams.h"

#include <signal.h>
#include <string.h>

int main(int argc, char **argv)
{
    struct query_options options;
    enum query_command command;

    standard_streams_take();
    /* A reader of our output that went away is no failure: the write says so, and we are done. */
    signal(SIGPIPE, SIG_IGN);

    int code = options_parse(argc, argv, &options, &command);
    if (code == 0) {
        int error = reader_install_sigbus_handler();
        if (error < 0)
            code =
                query_error(QUERY_FAILED, "cannot install a signal handler: %s", strerror(-error));
        else
            code = command_rules[command].run(&options);
    }
    options_free(&options);
    /* The help, or the version. */
    int output = standard_output_flush();
    if (output < 0 && code <= 0)
        code = query_error(QUERY_FAILED, "standard output: %s", strerror(-output));
    return code < 0 ? 0 : code;
}
